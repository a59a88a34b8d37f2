"""What the rows about calls of a model run: a mock of an OpenAI server, and what stands before it."""
