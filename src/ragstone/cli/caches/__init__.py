"""The commands of `ragstone cache`, one module each."""
