"""From what a model said to an answer: its words checked and cited, its form read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ragstone.prompts.wire import mend
from ragstone.types import Answer, Completion, Context, Hit, Prompt, Verdict
from ragstone.validation.grounding.citing import cite
from ragstone.validation.outputs import Opened, closed, opened
from ragstone.verdicts import Action, discreet

__all__ = ["Said", "answered", "changed", "left_out", "merged", "said"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What may be said: the words of an answer, and the form that they stand in with its `values`, where it has one."""

    texts: tuple[str, ...]
    values: tuple[str, ...] = ()
    form: Opened | None = None
    verdicts: tuple[Verdict, ...] = ()
    refrained: bool = False

    def abstains(self, prompt: Prompt) -> bool:
        """Whether it says that there is no answer: of an object its first text does, which is that of `answer`."""
        return bool(self.texts) and prompt.abstains(self.texts[0])


def said(prompt: Prompt, completion: Completion) -> Said:
    """The words of a completion, which nobody has checked yet."""
    text = mend(completion.text, prompt.slots)
    if prompt.output is None:
        return Said(texts=(text,))
    form = opened(text, prompt.output)
    return Said(texts=form.texts, values=form.values, form=form)


def answered(
    prompt: Prompt, hits: Sequence[Hit], completion: Completion, found: Said, *, cites: bool, context: Context
) -> Answer:
    """The answer with its citations; `cites`: whether the verdict on them is one of its own."""
    passages = tuple(hit for slot in prompt.slots for hit in slot.hits)
    with context.trace.step("check.citations") as step:
        if prompt.output is None or found.form is None:
            text, citations, verdict = cite(found.texts[0], passages)
            parsed, formed, made = None, None, {"": (found.texts[0], text)}
        else:
            read = closed(found.form, found.texts, found.values, prompt.output, passages)
            text, citations, verdict, formed, parsed = read.text, read.citations, read.cited, read.formed, read.parsed
            made = dict(zip(found.form.paths, zip(found.texts, read.said, strict=True), strict=True))
        abstained = completion.abstained or found.refrained or found.abstains(prompt)
        if abstained:
            citations, verdict = (), replace(verdict, passed=True, reason="abstained")
            if found.form is None and found.abstains(prompt) and "[" in found.texts[0]:
                text = prompt.abstain or text  # a marker behind it would point nowhere
        step.facts.update(passed=verdict.passed, reason=verdict.reason, citations=len(citations))
    if formed is not None:
        if abstained and parsed is None:
            formed = replace(formed, passed=True, reason="abstained")
        with context.trace.step("check.output") as step:
            step.facts.update(passed=formed.passed, reason=formed.reason)
    verdicts = _discreet(_telling(found.verdicts))
    for one in verdicts:
        with context.trace.step(f"check.{one.check}") as step:
            step.facts.update(passed=one.passed, reason=one.reason, action=one.action, milliseconds=one.milliseconds)
    judged = any(one.check == "output" and one.stage == "output" for one in verdicts)  # it has a policy, too
    own = (*((verdict,) if cites else ()), *((formed,) if formed and not judged else ()))
    return Answer(
        text=text,
        parsed=parsed,
        abstained=abstained,
        citations=citations,
        hits=(*hits, *(hit for hit in passages if hit not in hits)),  # a tool may have found more
        prompt=prompt,
        completion=completion,
        cached=completion.cached,
        trace_id=context.trace.id,
        verdicts=(*own, *_moved(verdicts, {} if found.refrained else made)),
        notices=(
            *(completion.notice.splitlines() if completion.notice else ()),
            *left_out(prompt),
            *changed(verdicts),
        ),
    )


def _telling(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts without those that say that passages pass a check which others have failed."""
    failed = {one.check for one in verdicts if one.stage == "passage" and not one.passed}
    return [one for one in verdicts if not (one.stage == "passage" and one.passed and one.check in failed)]


def _discreet(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts in their order, those on all texts of the answer as readers may get them."""
    said = iter(discreet([one for one in verdicts if one.stage == "output"]))
    return [next(said) if one.stage == "output" else one for one in verdicts]


_MARKERS = re.compile(r"[ \t]*(?:\[[ \t]*\d+(?:[ \t]*[,;][ \t]*\d+)*[ \t]*\])+")


def _moved(verdicts: Sequence[Verdict], made: Mapping[str, tuple[str, str]]) -> Iterator[Verdict]:
    """Verdicts on an answer whose flaws point into its texts as they are read, with their markers renumbered.

    `made` holds each text before and after that, by its field. Of a text that nobody reads no place is left.
    """
    for one in verdicts:
        if not one.flaws or one.stage != "output":
            yield one
        elif one.where in made:
            before, after = made[one.where]
            places = _places(before, after) if before != after else range(len(before) + 1)
            last = len(before)
            moved = (
                replace(flaw, start=places[min(flaw.start, last)], end=places[min(flaw.end, last)])
                for flaw in one.flaws
            )
            yield replace(one, flaws=tuple(moved))
        elif made:
            yield one  # a value, which holds no markers
        else:
            yield replace(one, flaws=tuple(replace(flaw, start=0, end=0) for flaw in one.flaws))


def merged(each: Sequence[Sequence[Verdict]], *, adding: Collection[str] = ()) -> Iterator[Verdict]:
    """The verdicts on several texts of one answer: of each check one for every text that it found something in, or one.

    The score of a check in `adding` is of all texts so far, so the last one counts.
    """
    by_check: dict[tuple[str, int], list[Verdict]] = {}
    for verdicts in each:
        named = Counter[str]()  # a check may be named twice
        for one in verdicts:
            by_check.setdefault((one.check, named[one.check]), []).append(one)
            named[one.check] += 1
    for (name, _), said in by_check.items():
        scores = [one.score for one in said if one.score is not None]
        score = None if not scores else scores[-1] if name in adding else max(scores)
        telling = [one for one in said if one.action or one.flaws or not one.passed]
        if telling:
            rest = sum(one.milliseconds for one in said) - sum(one.milliseconds for one in telling)
            telling[0] = replace(telling[0], milliseconds=telling[0].milliseconds + rest)
            yield from (replace(one, score=score) if name in adding else one for one in telling)
        else:
            reason = "; ".join(dict.fromkeys(one.reason for one in said if one.reason))
            took = sum(one.milliseconds for one in said)
            yield replace(said[0], where="", reason=reason, score=score, milliseconds=took)


def _places(before: str, after: str) -> list[int]:
    """For each character of a text, and for its end, its place in the same text with other markers."""
    places: list[int] = []
    there = 0
    old, new = (list(_MARKERS.finditer(text)) for text in (before, after))
    ends = {match.start(): match.end() for match in new}
    starts = {match.start(): match.end() for match in old}
    while len(places) < len(before):
        here = len(places)
        if here in starts:
            places += [there] * (starts[here] - here)
            there = ends.get(there, there)
            continue
        places.append(there)
        there += there < len(after) and before[here] == after[there]
    return [*places, len(after)]


def left_out(prompt: Prompt) -> list[str]:
    """What a reader must know of a prompt that was too long."""
    counts = Counter(unit.kind for unit in prompt.shed)
    words = {"passages": "passage", "examples": "example", "history": "earlier turn"}
    parts = [f"{count} {words[kind]}{'s' if count > 1 else ''}" for kind, count in counts.items()]
    return [f"Left out, since the prompt would have been too long: {', '.join(parts)}."] if parts else []


_TOLD: dict[Action, str] = {
    "fixed": "was changed",
    "filtered": "was shortened",
    "dropped": "was left out",
    "refrained": "was withheld",
}
_WHAT = {"input": "The question", "passage": "A passage", "output": "The answer"}


def changed(verdicts: Sequence[Verdict]) -> list[str]:
    """What a reader must know of a text that did not pass as it was."""
    withheld = any(one.stage == "output" and one.action == "refrained" for one in verdicts)
    telling = [
        one
        for one in verdicts
        if one.action in _TOLD and not (withheld and one.stage == "output" and one.action != "refrained")
    ]
    said = (
        f"{_WHAT[one.stage]} {_TOLD[one.action]} by the check {one.check!r}: {one.reason}".rstrip(": .") + "."
        for one in telling
    )
    return list(dict.fromkeys(said))
