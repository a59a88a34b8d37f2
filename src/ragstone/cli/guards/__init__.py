"""The commands of `ragstone guard`."""
