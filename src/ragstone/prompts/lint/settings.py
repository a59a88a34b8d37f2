"""Rules about the front matter."""

from __future__ import annotations

from collections.abc import Iterator

from ragstone.prompts.lint.finding import Fault
from ragstone.prompts.reading import Reading

__all__ = [
    "conflicting_options",
    "early_stop",
    "idle_passages",
    "no_abstain",
    "no_description",
    "no_output_limit",
    "other_name",
    "self_verified",
    "unmarked_passages",
]

OURS = ("metadata", "ragstone")


def no_description(reading: Reading) -> Iterator[Fault]:
    """A prompt that does not say what it is for."""
    if not reading.file.description.strip():
        fix = "Add a line such as: description: Answers a question from the passages found for it."
        yield Fault(reading.key("name"), "the prompt has no description", fix)


def other_name(reading: Reading) -> Iterator[Fault]:
    """A prompt whose name is not that of its file."""
    name, path = reading.file.name, reading.file.path
    stem = path.stem
    if name not in (stem, f"{path.parent.name}/{stem}"):  # in a folder of its own, as craft/improve
        message = f"the prompt is named '{name}', and its file '{stem}'"
        yield Fault(reading.key("name"), message, f"Write: name: {stem}")


def unmarked_passages(reading: Reading) -> Iterator[Fault]:
    """Passages that nothing tells apart from the instructions."""
    if "passages" in reading.file.body.uses and reading.file.mark == "none":
        fix = "Write under metadata.ragstone: passages: {mark: delimit}"
        yield Fault(reading.key(*OURS, "passages", "mark"), "passages are put in without marks around them", fix)


def idle_passages(reading: Reading) -> Iterator[Fault]:
    """Settings for passages in a prompt that has none."""
    given = (*OURS, "passages")
    mark = reading.file.mark in ("datamark", "encode") and reading.slots("retrieved", "tool")
    if given in reading.located.places and "passages" not in reading.file.body.uses and not mark:
        message = "settings for passages, and no {{ passages }} in the words"
        yield Fault(reading.key(*given), message, "Write {{ passages }} where they belong, or take the setting out.")


def no_abstain(reading: Reading) -> Iterator[Fault]:
    """Passages, and no words for the case that they hold no answer."""
    if "passages" in reading.file.body.uses and reading.file.abstain is None:
        yield Fault(
            reading.key(*OURS),
            "nothing says what to reply when the passages hold no answer",
            "Write a sentence for it into the system message, and the same under metadata.ragstone: abstain: …",
        )


def no_output_limit(reading: Reading) -> Iterator[Fault]:
    """No limit on the length of an answer."""
    if reading.file.options.max_tokens is None:
        message = "the answer has no greatest length"
        yield Fault(reading.key("model", "options"), message, "Add to model.options: maxOutputTokens: 800")


def conflicting_options(reading: Reading) -> Iterator[Fault]:
    """Options of which one undoes the other."""
    options = reading.file.options
    if options.temperature is None:
        return
    idle = {"topP": options.top_p not in (None, 1)}
    if options.temperature == 0:
        idle |= {"topK": options.top_k not in (None, 1), "seed": options.seed is not None}
    for name in (name for name, set_ in idle.items() if set_):
        greedy = options.temperature == 0
        if greedy:
            message, fix = f"{name} does nothing at temperature 0", f"Take {name} out, or raise the temperature."
        else:
            message = f"{name} and temperature both change how words are drawn"
            fix = f"Take {name} out, and set the temperature alone."
        yield Fault(reading.key("model", "options", name), message, fix)


def self_verified(reading: Reading) -> Iterator[Fault]:
    """A model that verifies its own answers."""
    for warning in reading.file.layers.warnings():
        yield Fault(warning.where or "", warning.message, warning.hint or "")


def early_stop(reading: Reading) -> Iterator[Fault]:
    """A stop sequence that ends the answer inside the words for "no answer"."""
    for index, stop in enumerate(reading.file.options.stop):
        if stop in (reading.file.abstain or ""):
            yield Fault(
                reading.key("model", "options", "stopSequences", index),
                f"the answer ends at {stop!r}, which stands in the words of abstain",
                "Choose a sequence that no answer holds, or take it out.",
            )
