"""Text to token ids, as the model's own tokenizer.json says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer as _Tokenizer

from ragstone.errors import EmbedderError

__all__ = ["Tokenizer"]


class Tokenizer:
    """The model's tokenizer, with the truncation and padding that its file may ask for switched off."""

    def __init__(self, path: Path) -> None:
        try:
            self._tokenizer = _Tokenizer.from_file(str(path))
        except Exception as error:  # the package raises plain Exception
            raise EmbedderError(f"the tokenizer cannot be read: {error}", where=str(path)) from error
        # MiniLM's file cuts at 128 tokens, silently, although the network takes 256.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        # What the network expects around a text: for BERT [CLS] and [SEP].
        special = self._tokenizer.encode("").ids
        self.before, self.after = special[:1], special[1:]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, special tokens left out."""
        return [found.ids for found in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    def locate(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """The ids of a text and the range of characters of each, special tokens left out."""
        found = self._tokenizer.encode(text, add_special_tokens=False)
        return found.ids, found.offsets
