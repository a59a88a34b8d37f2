"""The settings of a generation: how prompt files spell them, and which of a prompt's a model does not obey."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from types import MappingProxyType

from ragstone.errors import ConfigError, NotAllowed, nearest
from ragstone.types import Prompt

__all__ = ["SPELLED", "given", "lacking", "left_out", "named", "refusal", "require"]

SPELLED = MappingProxyType(
    {
        "temperature": "temperature",
        "max_tokens": "maxOutputTokens",
        "top_p": "topP",
        "top_k": "topK",
        "frequency_penalty": "frequencyPenalty",
        "presence_penalty": "presencePenalty",
        "seed": "seed",
        "stop": "stopSequences",
    }
)
"""What `Options` calls a setting, and what a prompt file calls it."""


def given(prompt: Prompt) -> list[str]:
    """The settings that a prompt sets, by their names in `Options`."""
    return [name for name in SPELLED if getattr(prompt.options, name) not in (None, ())]


def lacking(prompt: Prompt, settings: Collection[str]) -> list[str]:
    """Those that a prompt sets and a model with these `settings` does not obey, as a prompt file spells them.

    >>> lacking(Prompt(name="answer", version="1", messages=(), options=Options(top_k=40)), {"temperature"})
    ['topK']
    """
    return [SPELLED[name] for name in given(prompt) if name not in settings]


def require(prompt: Prompt, settings: Collection[str], *, where: str) -> None:
    """Raises NotAllowed where a prompt sets what the model at `where` does not obey: nothing is dropped silently."""
    if (error := refusal(prompt, settings, where=where)) is not None:
        raise error


def refusal(prompt: Prompt, settings: Collection[str], *, where: str) -> NotAllowed | None:
    """What `require` raises; None where the model obeys all that the prompt sets."""
    missing = lacking(prompt, settings)
    if not missing:
        return None
    names = " and ".join(filter(None, (", ".join(missing[:-1]), missing[-1])))
    return NotAllowed(
        f"it has no {names}, which the prompt {prompt.name!r} sets",
        where=where,
        hint=f"Take {names} out of model.options in the prompt file, or choose another model.",
    )


def left_out(prompt: Prompt, omits: Collection[str]) -> str | None:
    """The notice of an answer for which settings of its prompt were not sent, since the connector's file says so."""
    names = [SPELLED[name] for name in given(prompt) if name in omits]
    return f"Not sent, as the connector's file says: {', '.join(names)}." if names else None


def named(names: Iterable[str], *, key: str) -> frozenset[str]:
    """The settings of a list in a connector's file, in either spelling. Raises ConfigError for an unknown one."""
    spellings = {spelled: name for name, spelled in SPELLED.items()} | {name: name for name in SPELLED}
    found: set[str] = set()
    for name in names:
        if name not in spellings:
            raise ConfigError(
                f"{key} names an unknown setting {name!r}",
                expected="some of " + ", ".join(SPELLED),
                hint=nearest(name, SPELLED),
            )
        found.add(spellings[name])
    return frozenset(found)
