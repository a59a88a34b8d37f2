"""Which of two answers is better: asked twice, with their places exchanged, so that the place decides nothing.

A model that is shown two answers leans to one of the places (Wang et al. 2023, arXiv 2305.17926; Zheng et al. 2023,
arXiv 2306.05685). As the latter advise, an answer has won only where both orders say so; where they differ it is a tie,
and how often that happens, and to which place it leans, is told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ragstone.errors import RagstoneError, Ungraded
from ragstone.evaluation.judging.asking import Asking, Told, beginning, each
from ragstone.evaluation.judging.preference import Compared, Pair, Place, Preference
from ragstone.evaluation.outcomes import Outcome
from ragstone.pipelines.prompt_tests import PromptTests
from ragstone.types import CachePolicy

__all__ = ["NEEDS", "PREFER", "Preferring", "better_in", "paired_up"]

PREFER = "prefer"
"""The prompt file that compares two answers."""

NEEDS = ("question", "first", "second")
"""The inputs that such a file must take; it may take `rubric`, `reference` and `others`."""

_BETTER = re.compile(r"\bbetter\W+(?:the\s+)?(first|second|equal)\W*$", re.IGNORECASE)
_PLACES: dict[str, Place] = {"first": "first", "second": "second", "equal": "equal"}


def better_in(text: str) -> Place | None:
    r"""The place that ends what a judge says of two answers; None where there is none.

    >>> better_in("The second one names the day.\nBetter: second")
    'second'
    """
    found = _BETTER.search(text.strip().rpartition("\n")[2])
    return _PLACES[found[1].lower()] if found else None


def paired_up(before: Sequence[Outcome], after: Sequence[Outcome]) -> list[Pair]:
    """The first answers to each case that both have, in the order of the second. One that abstains is an answer too."""
    first = _answers(before)
    found: list[Pair] = []
    for case, two in _answers(after).items():
        if (one := first.get(case)) is not None:
            given = two.case
            writers = str(one.answer.get("model", "")), str(two.answer.get("model", ""))
            found.append(
                Pair(
                    id=case,
                    question=given.question,
                    a=one.text or one.marked,
                    b=two.text or two.marked,
                    rubric=given.rubric,
                    expected=given.expected,
                    writers=writers,
                )
            )
    return found


def _answers(outcomes: Sequence[Outcome]) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    for one in outcomes:
        if not one.error and one.marked.strip():
            found.setdefault(one.case.id, one)
    return found


class Preferring:
    """Compares answers in pairs by a prompt file.

    >>> preferring = Preferring.of(parts.prompt_tests())
    >>> found = await preferring.compare(paired_up(run.of("answer"), other.of("answer")))
    >>> found.count("A"), found.count("B"), found.p
    (3, 12, 0.0352)
    """

    def __init__(self, asking: Asking) -> None:
        self.asking = asking

    @classmethod
    def of(cls, tests: PromptTests, *, prompt: str = PREFER, cache: CachePolicy = "off") -> Preferring:
        """With the model of a prompt's tests. Raises what Asking.of raises; it reads the prompt file."""
        return cls(Asking.of(tests, prompt=prompt, needs=NEEDS, cache=cache))

    async def compare(self, pairs: Sequence[Pair], *, told: Told | None = None) -> Preference:
        """Asks twice about each pair. A pair without a verdict is told as missed, and the others go on.

        Raises Ungraded where none has a verdict, and what `each` raises.
        """
        asked = [one for one in pairs if not one.same]
        found = iter(await each(asked, self._both, told=told))
        return Preference(compared=[_compared(one, None if one.same else next(found)) for one in pairs])

    def inputs(self, pair: Pair) -> tuple[dict[str, object], dict[str, object]]:
        """What the prompt file is given to compare two answers: with A in the first place, and with B there."""
        more = {"question": pair.question, "rubric": pair.rubric, **self.asking.known(pair.expected)}
        there, back = ({"first": pair.a, "second": pair.b}, {"first": pair.b, "second": pair.a})
        return self.asking.given({**there, **more}), self.asking.given({**back, **more})

    async def _both(self, pair: Pair) -> tuple[Place, Place]:
        there, back = self.inputs(pair)
        return await self._asked(pair, there), await self._asked(pair, back)

    async def _asked(self, pair: Pair, inputs: Mapping[str, object]) -> Place:
        said = await self.asking.said(inputs)
        place = better_in(said)
        if place is None:
            message = f"the prompt {self.asking.prompt!r} preferred no answer"
            raise Ungraded(message, where=pair.id, expected="a last line such as Better: first", found=beginning(said))
        return place


def _compared(pair: Pair, found: tuple[Place, Place] | RagstoneError | None) -> Compared:
    if isinstance(found, RagstoneError):
        return Compared(pair=pair, error=str(found))
    return Compared(pair=pair, verdicts=found)
