"""The commands of `ragstone prompt`, one module each."""
