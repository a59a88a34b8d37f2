"""What judges an answer from outside: the checks of its form and its citations, and the prompt file `judge`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from ragstone.errors import PromptError, RagstoneError
from ragstone.plan import Call
from ragstone.prompts.layers.asides import room
from ragstone.prompts.layers.solving import Calls, Outcome
from ragstone.prompts.layers.words import Words
from ragstone.text.grades import GOOD, JUDGE, grade_in
from ragstone.types import Prompt

if TYPE_CHECKING:
    from ragstone.prompts.layers.legality import Setting

__all__ = ["JUDGING", "Check", "Grade", "Judge", "checks_of", "verifying_faults"]

Check: TypeAlias = Literal["schema", "citations"]

LONGEST_WORDS = 2_000  # characters of what a judge says
JUDGING = 250
"""The tokens of the judge's own words."""


# ── Settings ────────────────────────────────────────────────────────────────────────────────────────────────────────


def checks_of(setting: Setting) -> tuple[Check, ...]:
    """The checks that say something of the answers of a file."""
    found: tuple[Check, ...] = ("schema",) if setting.output is not None else ()
    return (*found, "citations") if setting.cites else found


def verifying_faults(setting: Setting) -> Iterator[PromptError]:
    """Why `best_of` cannot rank, or `reflect` cannot verify, by what they name."""
    best, reflect = setting.layers.best_of, setting.layers.reflect
    if best is not None and best.on:
        if best.rank == "check":
            yield from _unfit(setting, ("best_of", "checks"), best.checks, "rank: judge")
        elif best.checks is not None:
            hint = "Write `rank: check`, or take `checks` out."
            yield setting.fault(("best_of", "checks"), f"checks do nothing with `rank: {best.rank}`", hint=hint)
    if reflect is not None and reflect.on:
        yield from _unfit(setting, ("reflect", "verifier"), reflect.verifier, "verifier: judge")


def _unfit(
    setting: Setting, keys: tuple[str, str], names: Sequence[str] | None, otherwise: str
) -> Iterator[PromptError]:
    known = checks_of(setting)
    if names is None and not known:
        message = f"{keys[0]} has nothing to check by: the prompt has neither outputs nor {{{{ passages }}}}"
        yield setting.fault(keys[:1], message, hint=f"Write `{otherwise}`, which is one more call for each answer.")
    missing = {"schema": "outputs", "citations": "{{ passages }}"}
    for index, name in enumerate(names or ()):
        if name in missing and name not in known:
            hint = f"Take {name} out, or write `{otherwise}`."
            message = f"{name} checks nothing here: the prompt has no {missing[name]}"
            yield setting.fault((*keys, index), message, hint=hint)


# ── The judge ───────────────────────────────────────────────────────────────────────────────────────────────────────


UNGRADED = "the judge ended with no grade from 1 to 5"


@dataclass(frozen=True, slots=True)
class Grade:
    """A grade from 1 to 5, None where none was given, and the words of whoever gave it, or why nobody did."""

    grade: int | None
    words: str

    @property
    def good(self) -> bool:
        """Whether the answer is good enough. Where nobody could say, it is not known to be wrong."""
        return self.grade is None or self.grade >= GOOD


@dataclass(frozen=True, slots=True)
class Judge:
    """Has a model grade answers, by the prompt file `judge`. `rubric` says what makes one good."""

    rubric: Words

    def call(self, layer: str, *, most: int, usual: int, longest: int | None) -> Call:
        """As it is planned: it reads the request, which is no longer than the prompt, and an answer."""
        more = JUDGING + self.rubric.tokens + (longest or 0)
        return Call(layer=layer, does="judge", usual=usual, most=most, more=more, made=room(longest))

    async def grade(self, prompt: Prompt, outcome: Outcome, calls: Calls) -> Grade:
        """One call, whose failure is no error: then there is no grade."""
        if not outcome.text.strip():
            return Grade(1, "The answer says nothing.")
        inputs = {"question": calls.asked(prompt), "answer": outcome.text, "rubric": self.rubric.say().text}
        try:
            said = (await calls.run(JUDGE, inputs)).text
        except RagstoneError as error:
            return Grade(None, str(error))
        grade = grade_in(said)
        return Grade(grade, said.strip()[:LONGEST_WORDS] if grade is not None else UNGRADED)
