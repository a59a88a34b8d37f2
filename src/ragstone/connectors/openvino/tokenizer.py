"""Text to token ids, as the model's own tokenizer.json says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer as _Tokenizer

from ragstone.errors import EmbedderError

__all__ = ["Tokenizer"]

_HALF_CHARACTERS = re.compile("[\ud800-\udfff]")


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
        special = self._tokenizer.encode("").ids
        if len(special) != 2:
            raise EmbedderError(
                "the tokenizer is none of a BERT network",
                where=str(path),
                expected="two special tokens around a text",
                found=str(len(special)),
            )
        self.first, self.last = special  # [CLS] and [SEP]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, special tokens left out."""
        found = self._tokenizer.encode_batch_fast([_whole(text) for text in texts], add_special_tokens=False)
        return [encoding.ids for encoding in found]

    def words(self) -> list[int]:
        """The ids of all tokens that are whole words of letters, in order."""
        return sorted(id_ for token, id_ in self._tokenizer.get_vocab().items() if token.isalpha() and len(token) > 2)

    def locate(self, texts: Sequence[str]) -> list[tuple[list[int], list[tuple[int, int]]]]:
        """The ids of each text and the range of characters of each of them, special tokens left out."""
        if len(texts) == 1:  # a batch asks for threads, which one text does not need
            found = [self._tokenizer.encode(_whole(texts[0]), add_special_tokens=False)]
        else:
            found = self._tokenizer.encode_batch([_whole(text) for text in texts], add_special_tokens=False)
        return [(encoding.ids, encoding.offsets) for encoding in found]


def _whole(text: str) -> str:
    """Puts U+FFFD for halves of characters, which bad PDFs yield and UTF-8 cannot express. Offsets stay as they are."""
    return _HALF_CHARACTERS.sub("\ufffd", text)
