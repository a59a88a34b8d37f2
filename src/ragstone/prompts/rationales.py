"""What a model wrote on its way to an answer: cut into steps and answer, judged by its form, and made an example.

The rules are those of Zhang et al., Automatic Chain of Thought Prompting, 2022 (arXiv 2210.03493), section 4 and the
program published with it: a question of at most 60 words, a rationale of at most five steps, an answer that is not
empty; and an answer with numbers stands at the end of the steps. What was cut off, the program tells by a missing full
stop; here the model's server says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isinf
from typing import Any, cast

from ragstone.errors import PromptError
from ragstone.output import Output
from ragstone.prompts.examples import RATIONALES
from ragstone.prompts.file import PromptFile
from ragstone.prompts.outputs import misfit

__all__ = [
    "LONGEST_QUESTION",
    "MOST_STEPS",
    "Form",
    "Rationale",
    "fault",
    "form_of",
    "misfitting",
    "rationale",
    "solved",
    "words",
]

LONGEST_QUESTION = 60  # words
MOST_STEPS = 5

MARK = "Answer:"
"""What the last line begins with. The prompts that ask for it say so in their own words."""

_ANSWER = re.compile(r"[\s*_#>-]*answer[\s*_]*[:：](?P<answer>.*)", re.IGNORECASE)
_DRESS = " \t*_"  # what Markdown may put around an answer
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_IDEOGRAPH = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_IDEOGRAPH}]|[^\s{_IDEOGRAPH}]+")
_TRUTH = {"yes": True, "true": True, "no": False, "false": False}


@dataclass(frozen=True, slots=True)
class Rationale:
    """The steps, and the answer behind them; no answer where the last line is none."""

    steps: tuple[str, ...]
    answer: str | None


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of an output that take the steps and the answer; none for free text, and none for steps beside it."""

    steps: str = ""
    answer: str = ""


def rationale(text: str) -> Rationale:
    r"""What a model wrote, line by line. Blank lines count for nothing.

    >>> rationale("12 / 2 = 6 euros a child.\nAnswer: 6 euros")
    Rationale(steps=('12 / 2 = 6 euros a child.',), answer='6 euros')
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = _ANSWER.fullmatch(lines[-1]) if lines else None
    return Rationale(tuple(lines[:-1] if found else lines), found["answer"].strip(_DRESS) if found else None)


def words(text: str) -> int:
    """How many words a text has; in a script without spaces each character is one."""
    return len(_WORD.findall(text))


def fault(found: Rationale) -> str | None:
    """Why a rationale is no example by the published rules; None where it may be one."""
    if found.answer is None:
        return f"its last line is no {MARK!r}"
    if not found.answer:
        return "its answer is empty"
    if not found.steps:
        return "it has no steps"
    if len(found.steps) > MOST_STEPS:
        return f"it has {len(found.steps)} steps, more than {MOST_STEPS}"
    if not _numbers(found.answer) <= _numbers(found.steps[-1]):
        return f"its last step does not end at its answer, {found.answer!r}"
    return None


def _numbers(text: str) -> set[float]:
    """Those that stand in a text; 1,200 and 1200 are one."""
    return {float(_plain(number)) for number in _NUMBER.findall(text)}


def _plain(number: str) -> str:
    """A number without the marks between its thousands."""
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", number):
        return number.replace(",", "")
    parts = re.split(r"[.,]", number)
    return number.replace(",", ".") if len(parts) == 2 else "".join(parts)


# ── As an example ───────────────────────────────────────────────────────────────────────────────────────────────────


def form_of(file: PromptFile) -> Form:
    """Where steps and answer stand in what the prompt asks for. Raises PromptError where it asks for several."""
    if file.output is None:
        return Form()
    properties: Mapping[str, Any] = file.output.schema["properties"]
    steps = next((name for name in properties if name in RATIONALES), "")
    rest = [name for name in properties if name != steps and name in file.output.schema.get("required", ())]
    if len(rest) != 1:
        raise PromptError(
            "its outputs have no one answer",
            where=str(file.path),
            expected="one required property" + (f" beside {steps!r}" if steps else ""),
            found=", ".join(rest) or "none",
            hint="Write the examples by hand, or use a prompt with one answer.",
        )
    return Form(steps, rest[0])


def solved(found: Rationale, form: Form, output: Output | None) -> dict[str, Any]:
    """The keys of an example that hold what a model wrote: `output`, and the `rationale` where no field takes it."""
    answer, steps = found.answer or "", "\n".join(found.steps)
    if output is None:
        return {"rationale": steps, "output": answer}
    properties = cast("Mapping[str, Mapping[str, Any]]", output.schema["properties"])
    value = _value(answer, properties[form.answer].get("type"))
    if not form.steps:
        return {"rationale": steps, "output": {form.answer: value}}
    listed = properties[form.steps].get("type") == "array"
    made = {form.steps: list(found.steps) if listed else steps, form.answer: value}
    return {"output": {name: made[name] for name in properties if name in made}}


def misfitting(made: object, output: Output | None) -> str | None:
    """Why an output is none that the prompt asks for; None where it is."""
    found = misfit(made, output) if output is not None else None
    return f"its answer does not fit the prompt's outputs: {found}" if found else None


def _value(answer: str, kind: object) -> object:
    """An answer as the kind of value that a property takes; the text itself where it is none."""
    numbers = _NUMBER.findall(answer)
    if kind in ("integer", "number") and len(numbers) == 1:
        value = float(_plain(numbers[0])) * (-1 if re.search(r"[-−]\s*\D?\s*\d", answer) else 1)
        return answer if isinf(value) else int(value) if value.is_integer() else value
    return _TRUTH.get(answer.casefold().rstrip("."), answer) if kind == "boolean" else answer
