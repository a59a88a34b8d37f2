"""How every stage reads text: one analyzer, one sentence splitter, one language detector."""
