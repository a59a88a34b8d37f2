"""Reflection: an answer that a check fails is sent back to the model with what is wrong, and answered again.

    layers:
      reflect: {on: true, rounds: 1, verifier: [schema, citations]}

The verdict comes from outside: Shinn et al. 2023 (arXiv 2303.11366) had tests to tell right from wrong. A model that
criticises itself (`verifier: self`) turns right answers into wrong ones: Huang et al. 2023 (arXiv 2310.01798).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from ragstone.errors import ModelError, PromptError
from ragstone.output import Output
from ragstone.plan import Call
from ragstone.prompts.layers.asides import aside, room
from ragstone.prompts.layers.listing import Listing, listing
from ragstone.prompts.layers.solving import AGAIN, Calls, Layer, Outcome, Solve, read_at_most
from ragstone.prompts.layers.switch import Switch, as_list, once
from ragstone.prompts.layers.verifying import Judge
from ragstone.prompts.layers.words import Words, words
from ragstone.types import Prompt

if TYPE_CHECKING:
    from ragstone.prompts.layers.legality import Setting

__all__ = ["Reflect", "Reflection", "reflection", "self_criticism"]

FAULTS = 300  # tokens of all that the checks say of one answer: they name three faults, and cut them
MOST_MISTAKES = 5  # that a model finds in its own answer
NOTED = 300  # characters of all that is wrong, for a reader
FAILED = "The answer failed its check, also after {rounds}: {faults}"
CUT = "The answer failed its check, and could not be asked for again: {error}"
UNJUDGED = "Nobody could judge the answer: {why}"
UNREAD = "The model was asked to criticise its answer, and gave no list of mistakes."
HARMS = (
    "a model that criticises itself gives up right answers: GPT-4 fell from 95.5 to 89.0 % on GSM8K (arXiv 2310.01798)"
)

Verifier: TypeAlias = Literal["schema", "citations", "judge", "self"]


class Reflect(Switch):
    """Without a `verifier`, it is the checks that fit the file. `judge` and `self` are asked when these have passed."""

    rounds: int = Field(default=1, ge=1, le=10)
    verifier: Annotated[list[Verifier] | None, BeforeValidator(as_list), AfterValidator(once)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """An answer with what is wrong with it, and how many verifiers it has passed."""

    outcome: Outcome
    faults: Sequence[str] = ()
    passed: int = 0
    notices: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reflection(Layer):
    """Verifies what lies inside it. `verifiers` are the names of those that fit the file."""

    name: ClassVar[str] = "reflect"

    spec: Reflect
    verifiers: Sequence[str]
    again: Words
    judge: Judge
    criticise: Words
    mistakes: Listing

    @property
    def texts(self) -> tuple[Words, ...]:
        """What is said when an answer is wrong, and what finds that out."""
        judged = (self.judge.rubric,) if "judge" in self.verifiers else ()
        own = (self.criticise, *self.mistakes.texts) if "self" in self.verifiers else ()
        return (self.again, *judged, *own)

    @property
    def forms(self) -> tuple[Output, ...]:
        """That of the list of mistakes."""
        return (self.mistakes.output,) if "self" in self.verifiers else ()

    def plan(self, inner: Sequence[Call], *, longest: int | None) -> tuple[Call, ...]:
        """Nothing more when the answer passes, but for the verdict of a model; else a call for each round."""
        rounds, written = self.spec.rounds, longest or 0
        told = max(FAULTS, room(longest) or 0) + self.again.tokens + AGAIN
        before = read_at_most(inner) + rounds * (written + told)  # each answer that failed, and what was said of it
        calls = [*inner]
        if "judge" in self.verifiers:
            calls.append(self.judge.call(self.name, usual=1, most=rounds + 1, longest=longest))
        if "self" in self.verifiers:
            more = before + written + self.criticise.tokens + AGAIN
            calls.append(Call(layer=self.name, does="criticise", most=rounds + 1, more=more, made=room(longest)))
        return (*calls, Call(layer=self.name, does="correct", usual=0, most=rounds, more=before))

    async def run(self, prompt: Prompt, *, inner: Solve, calls: Calls) -> Outcome:
        """The answer that passes, else the one that passes most; the last of these."""
        lost = ""
        with calls.step("layer.reflect", rounds=self.spec.rounds, verifiers=list(self.verifiers)) as step:
            best = last = await self._judged(prompt, (await inner(prompt))[0], calls)
            verdicts = [list(best.faults)]
            while last.faults and len(verdicts) <= self.spec.rounds and not lost:
                said = self.again.say({"faults": tuple(last.faults)}, trust="tool", tokens=calls.tokens)
                try:
                    (outcome, *_) = await calls.answer(calls.turn(last.outcome, said, name="faults"))
                except ModelError as error:
                    lost = CUT.format(error=error)
                    continue
                last = await self._judged(prompt, outcome, calls)
                verdicts.append(list(last.faults))
                if last.passed >= best.passed and outcome.text.strip():
                    best = last
            step.facts.update(corrections=len(verdicts) - 1, faults=verdicts)
        rounds = len(verdicts) - 1
        if best.faults and not lost:
            times = "1 correction" if rounds == 1 else f"{rounds} corrections"
            lost = FAILED.format(rounds=times, faults="; ".join(" ".join(each.split()) for each in best.faults)[:NOTED])
        return best.outcome.noting(*best.notices, lost)

    async def _judged(self, prompt: Prompt, outcome: Outcome, calls: Calls) -> _Judged:
        """The verdicts on an answer. A model is asked for its own only where nothing else is wrong."""
        free = [name for name in self.verifiers if name not in ("judge", "self")]
        verdicts = [await calls.check(name, outcome) for name in free]
        faults = [verdict.reason for verdict in verdicts if not verdict.passed]
        passed = len(free) - len(faults)
        notices: list[str] = []
        if not faults and "judge" in self.verifiers:
            grade = await self.judge.grade(prompt, outcome, calls)
            notices += [UNJUDGED.format(why=" ".join(grade.words.split())[:200])] if grade.grade is None else []
            faults += [] if grade.good else [" ".join(grade.words.split())]  # one line of the list that is told
            passed += grade.good
        if not faults and "self" in self.verifiers:
            found, said = await self._criticised(outcome, calls)
            faults, notices, passed = found, [*notices, *said], passed + (not found)
        return _Judged(outcome=outcome, faults=faults, passed=passed, notices=notices)

    async def _criticised(self, outcome: Outcome, calls: Calls) -> tuple[list[str], list[str]]:
        """The mistakes that the model finds in its own answer, and what a reader must know of how it looked."""
        said = self.criticise.say(tokens=calls.tokens)
        prompt = aside(calls.turn(outcome, said, other=self.mistakes.output), self.mistakes.output)
        try:
            (completion, *_) = await calls.ask(prompt)
        except ModelError as error:
            return [], [UNJUDGED.format(why=error)]
        found = self.mistakes.read(completion.text)
        return (found or [])[:MOST_MISTAKES], [UNREAD] if found is None else []


def reflection(spec: Reflect, root: Path, *, checks: Sequence[str]) -> Reflection:
    """The layer with its words. `checks` are those that fit the file. Raises PromptError for words of no use."""
    return Reflection(
        spec=spec,
        verifiers=spec.verifier or checks,
        again=words(root, "reflect/again.md", needs=["faults"]),
        judge=Judge(words(root, "reflect/rubric.md")),
        criticise=words(root, "reflect/criticise.md"),
        mistakes=listing(root, "mistakes", "reflect/mistakes.md"),
    )


def self_criticism(setting: Setting) -> Iterator[PromptError]:
    """A warning: what is known of a model that verifies its own answers."""
    reflect = setting.layers.reflect
    if reflect is not None and reflect.on and "self" in (reflect.verifier or ()):
        hint = "Let something else verify: `verifier: [schema, citations]` or `verifier: judge`."
        yield setting.fault(("reflect", "verifier"), HARMS, hint=hint)
