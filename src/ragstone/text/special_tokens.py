"""The special tokens of a model, from the file of its tokenizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from ragstone.errors import ConfigError

__all__ = ["special_tokens"]


def special_tokens(path: Path) -> tuple[str, ...]:
    """The tokens that a model's tokenizer takes out of a text before it reads it: all that were added to its words.

    `path` is a `tokenizer.json`, or the folder that holds one. Those that are not marked as special count too: a server
    reads `<think>` and `<tool_call>` in the same way. One character cannot be broken up, nor is a run of spaces a sign.

    Raises ConfigError for a file that is no tokenizer.
    """
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise ConfigError("there is no such tokenizer", where=str(file), expected="a tokenizer.json or its folder")
    try:
        added = cast("dict[str, Any]", json.loads(file.read_text(encoding="utf-8")))["added_tokens"]
        tokens = [str(token["content"]) for token in added]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError("is no tokenizer", where=str(file), expected="a tokenizer.json", found=str(error)) from error
    return tuple(sorted({token for token in tokens if len(token.strip()) > 1}))
