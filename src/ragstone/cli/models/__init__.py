"""The commands of `ragstone model`, one module each."""
