"""What a check is given, what it finds, and what became of that.

    Subject → Check → Finding → (policy) → Verdict

A check says what is wrong with a text, and where. The policy of whoever asked it says what is done about that, and the
verdict on the `Answer` says both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from ragstone.types import Hit, Prompt, Trust

__all__ = [
    "ACTIONS",
    "PASSED",
    "STAGES",
    "Action",
    "Finding",
    "Flaw",
    "OnFail",
    "Stage",
    "Subject",
    "Verdict",
    "discreet",
]

Stage: TypeAlias = Literal["input", "passage", "output"]
"""Where a text comes by: what the person asks, one passage that was found, what the model says."""

OnFail: TypeAlias = Literal["raise", "reask", "fix", "filter", "drop", "refrain", "flag"]
"""What is done about a text that fails.

`raise` ends the request with CheckFailed; `reask` tells the model what is wrong, and it answers anew; `fix` takes what
the check makes of the text; `filter` takes out what the check found, or else the whole piece; `drop` leaves out the
passage; `refrain` answers that there is no answer; `flag` only says so.
"""

Action: TypeAlias = Literal["", "raised", "reasked", "fixed", "filtered", "dropped", "refrained", "flagged"]
"""What was done; nothing where a text has passed as it is."""

STAGES: dict[Stage, frozenset[OnFail]] = {
    "input": frozenset({"raise", "fix", "refrain", "flag"}),
    "passage": frozenset({"raise", "filter", "drop", "refrain", "flag"}),  # nothing else could be cited
    "output": frozenset({"raise", "reask", "fix", "filter", "refrain", "flag"}),
}
"""Which policies make sense where."""

ACTIONS: dict[OnFail, Action] = {
    "raise": "raised",
    "reask": "reasked",
    "fix": "fixed",
    "filter": "filtered",
    "drop": "dropped",
    "refrain": "refrained",
    "flag": "flagged",
}


@dataclass(frozen=True, slots=True)
class Flaw:
    """A range [start, end) of a text, in characters, and what is wrong with it; `label` is its kind in one word."""

    start: int
    end: int
    reason: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found. `fixed` is the text as it would pass, where the check can make it so.

    `score` is the check's own measure in [0, 1], higher is worse, where it has one; `repaired` says what was mended on
    the way to a text that passes. `told` stands for a `reason` that repeats words of the text, or what is forbidden,
    where readers must not get these.
    """

    passed: bool
    reason: str = ""
    flaws: tuple[Flaw, ...] = ()
    fixed: str | None = None
    score: float | None = None
    repaired: str = ""
    told: str | None = None


PASSED = Finding(passed=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A text that is checked, and what is known of where it stands.

    At the stage `output` a check that needs no whole text is given one segment after the other: `text` is the segment,
    `offset` its place in what is let through, and `code` says whether it is a line of a code block. `hits` are the
    passages in the order of their numbers, `prompt` what the model was told, `question` what the person asked.
    """

    text: str
    stage: Stage
    trust: Trust = "user"
    offset: int = 0
    code: bool = False
    question: str = ""
    hits: Sequence[Hit] = ()
    prompt: Prompt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one check said, and what was done about it.

    `flaws` are ranges of the text as it went on, an empty one where something was taken out; of a passage they are
    ranges of what was found. `where` names the passage or input that it was, or the field of an answer of a form.
    `milliseconds` are those of all its calls together, and no part of what makes two verdicts equal. `told` is what
    stands for a reason that readers must not get, see `discreet`.
    """

    check: str
    passed: bool
    reason: str = ""
    action: Action = ""
    stage: Stage = "output"
    where: str = ""
    flaws: tuple[Flaw, ...] = ()
    score: float | None = None
    milliseconds: float = field(default=0.0, compare=False)
    told: str | None = field(default=None, compare=False, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """The verdict as the command line and the service print it: what it says nothing of is left out."""
        said: dict[str, Any] = {"check": self.check, "passed": self.passed, "reason": self.reason}
        more = {
            "action": self.action,
            "stage": "" if self.stage == "output" else self.stage,
            "where": self.where,
            "flaws": [asdict(flaw) for flaw in self.flaws],
            "score": None if self.score is None else round(self.score, 4),
            "milliseconds": round(self.milliseconds, 3),
        }
        return said | {name: value for name, value in more.items() if value or (name == "score" and value == 0)}


def discreet(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Verdicts on one text as readers may get them: where it was changed or withheld, no reason repeats its words.

    >>> discreet([Verdict(check="words", passed=False, reason="it holds 'x'", told="no", action="fixed")])[0].reason
    'no'
    """
    if all(one.action in ("", "flagged") for one in verdicts):
        return tuple(verdicts)
    return tuple(one if one.told is None else _discreet(one, one.told) for one in verdicts)


def _discreet(verdict: Verdict, told: str) -> Verdict:
    flaws = tuple(replace(flaw, reason=flaw.label or told) for flaw in verdict.flaws)
    return replace(verdict, reason=told, flaws=flaws, told=None)
