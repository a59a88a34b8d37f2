"""The calls of a model that come before the search of a prompt file: one for each way in which it rewrites."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ragstone.config import template
from ragstone.errors import PromptError
from ragstone.plan import Call
from ragstone.prompts.estimate import estimated
from ragstone.prompts.file import PromptFile, load
from ragstone.prompts.home import FOLDER
from ragstone.prompts.retrieving import Way

__all__ = ["LONGEST_QUESTION", "calls"]

LAYER = "rewrite"
LONGEST_QUESTION = 600  # tokens; a longer one says in enough words what it is about, and is not rewritten
CONVERSED = 3_000  # tokens of the conversation before a question, as far as it is sent


def calls(file: PromptFile) -> tuple[Call, ...]:
    """What is asked before the search. A question that stands alone is not condensed, so that call is not usual."""
    return tuple(_call(file, way) for way in (file.retrieve.ways if file.retrieve is not None else ()))


def _call(file: PromptFile, way: Way) -> Call:
    words, made = _asked(file.root, way)
    condenses = way == "condense"
    more = words + LONGEST_QUESTION + (CONVERSED if condenses else 0)
    return Call(layer=LAYER, does=way, usual=0 if condenses else 1, more=more, made=made, alone=True)


def _asked(root: Path, way: Way) -> tuple[int, int | None]:
    """The tokens of the words of a way's prompt file, and those that it may write: the project's own, else the shipped.

    Of a file that does not load nothing is known: what is wrong with it is said elsewhere.
    """
    own = root / f"{way}.prompty"
    path = own if own.is_file() else template() / FOLDER / own.name
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, PromptError):
        return 0, None


@lru_cache(maxsize=64)
def _read(path: Path, changed: int) -> tuple[int, int | None]:
    """Read again where the file has changed since."""
    file = load(path)
    said = path.read_text(encoding="utf-8") + "".join(file.body.includes.values())
    return estimated(said), file.options.max_tokens
