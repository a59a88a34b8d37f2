"""Ragstone: ask your own documents and get an answer you can check."""
