"""How every stage reads text: one analyzer, one sentence splitter, one language detector, one comparison of answers."""
