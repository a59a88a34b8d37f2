"""From a document to ranges of it."""
