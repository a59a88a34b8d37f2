"""The words of a layer: a file in `prompts/layers/`, of the project or else the one that ships with Ragstone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from ragstone.config import template
from ragstone.errors import PromptError
from ragstone.prompts import wire
from ragstone.prompts.syntax import Source, read
from ragstone.prompts.template import Body, compile_body
from ragstone.types import Trust

__all__ = ["FOLDER", "Said", "Words", "words"]

FOLDER = "layers"


@dataclass(frozen=True, slots=True)
class Said:
    """Words with their values in place, and the special tokens that were broken up in these."""

    text: str
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Words:
    """The compiled words of one step. `name` is their file below the folder of prompts, `text` all that it says."""

    name: str
    body: Body
    text: str

    def say(
        self, values: Mapping[str, object] | None = None, *, trust: Trust = "author", tokens: Collection[str] = ()
    ) -> Said:
        """The words with these values; in those that no author wrote, special tokens are broken up."""
        parts = {name: wire.part(value, trust, tokens) for name, value in (values or {}).items()}
        messages, whole = self.body.filled({name: value for name, (value, _) in parts.items()}, tokens=tokens)
        broken = dict.fromkeys([*(token for _, found in parts.values() for token in found), *whole])
        return Said("\n\n".join(message.content for message in messages), tuple(broken))


def words(root: Path, name: str, *, takes: Collection[str] = (), needs: Collection[str] = ()) -> Words:
    """The words of `layers/<name>`, which may put in what is in `takes` and must put in what is in `needs`.

    Raises PromptError for a file of the project that cannot be used.
    """
    named = f"{FOLDER}/{name}"
    folder = root if (root / named).exists() else template() / "prompts"
    path = folder / named
    text = read(path, folder)
    # The words have no role of their own. The line before their first one makes them a message, and moves no number.
    body = compile_body(Source(path, f"user:\n{text}", 0), root=folder, names=[*takes, *needs])
    if missing := [name for name in needs if name not in body.uses]:
        hint = f"Write {{{{ {missing[0]} }}}} in it."
        raise PromptError(f"never shows {missing[0]}", where=str(path), hint=hint)
    return Words(named, body, "\n".join([text, *body.includes.values()]))
