"""Counts tokens: by the model's own tokenizer where it is known, else by tiktoken, else by a stated estimate.

A counter says by what it counts and whether it is exact. Nothing is downloaded to count: tiktoken is used only where
the file of its encoding already lies in its cache.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ragstone.errors import ConfigError
from ragstone.prompts.estimate import estimated
from ragstone.types import Message

if TYPE_CHECKING:
    from tiktoken import Encoding

__all__ = ["ESTIMATE", "PER_MESSAGE", "REPLY", "Counter", "counter"]

PER_MESSAGE = 5  # what a chat template puts around a message: 5 with ChatML and Llama 3, 4 with OpenAI's
REPLY = 5  # and around the answer's beginning


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts the tokens of texts. `name` says by what; `exact` whether it is the model's own tokenizer.

    >>> counter().count("A chunk holds 200 tokens.")
    6
    """

    name: str
    exact: bool
    measure: Callable[[str], int]

    def count(self, text: str) -> int:
        """The tokens of one text."""
        return self.measure(text)

    def remembering(self) -> Counter:
        """The same counter for one prompt, of which it is asked the same parts again and again."""
        return replace(self, measure=cache(self.measure))

    def messages(self, messages: Sequence[Message]) -> int:
        """What messages take in a request, with an allowance for what the chat template puts around each of them."""
        return sum(self.count(message.content) + PER_MESSAGE for message in messages) + REPLY


ESTIMATE = "estimate"


def counter(*, tokenizer: Path | None = None, model: str = "") -> Counter:
    """The best counter that there is for a model: its tokenizer, else tiktoken for its name, else the estimate.

    `tokenizer` is a tokenizer.json or its folder.

    Raises ConfigError for a tokenizer file that cannot be read.
    """
    if tokenizer is not None:
        file = tokenizer / "tokenizer.json" if tokenizer.is_dir() else tokenizer
        try:
            changed = file.stat().st_mtime_ns
        except OSError as error:
            raise ConfigError("there is no such tokenizer", where=str(file), expected="a tokenizer.json") from error
        return _from_file(file, changed)
    return (_by_tiktoken(model) if model else None) or _estimate()


@lru_cache(maxsize=8)
def _estimate() -> Counter:
    return Counter(ESTIMATE, False, estimated)


@lru_cache(maxsize=8)
def _from_file(path: Path, changed: int) -> Counter:
    from tokenizers import Tokenizer

    try:
        loaded = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ConfigError(f"is no tokenizer: {error}", where=str(path), expected="a tokenizer.json") from error
    loaded.no_truncation()
    loaded.no_padding()
    return Counter(
        path.name,
        True,
        lambda text: len(loaded.encode(text.encode("utf-8", "replace").decode(), add_special_tokens=False).ids),
    )


# ── tiktoken ────────────────────────────────────────────────────────────────────────────────────────────────────────

_ENCODINGS = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"


def _by_tiktoken(model: str) -> Counter | None:
    """The counter of tiktoken for a model that it knows, where nothing has to be downloaded for it."""
    if importlib.util.find_spec("tiktoken") is None:
        return None
    from tiktoken.model import encoding_name_for_model

    try:
        name = encoding_name_for_model(model)
    except KeyError:
        return None
    return _encoded(name) if _is_there(name) else None


def _is_there(encoding: str) -> bool:
    """Whether tiktoken has the file of an encoding: it would fetch a missing one from the network without a word."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    place = Path(tempfile.gettempdir()) / "data-gym-cache" if folder is None else Path(folder)
    key = hashlib.sha1(_ENCODINGS.format(encoding).encode(), usedforsecurity=False).hexdigest()
    return folder != "" and (place / key).is_file()


@lru_cache(maxsize=8)
def _encoded(name: str) -> Counter:
    import tiktoken

    encoding: Encoding = tiktoken.get_encoding(name)
    return Counter(f"tiktoken {name}", True, lambda text: len(encoding.encode(text, disallowed_special=())))
