"""The commands of `ragstone guard`, one file each."""
