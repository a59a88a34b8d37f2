"""One module for each outside system; nothing else knows that it exists."""
