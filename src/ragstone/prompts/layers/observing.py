"""What a tool has found, as it goes into a prompt: marked as the passages are, and numbered on after them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ragstone.prompts import wire
from ragstone.prompts.fence import fenced
from ragstone.prompts.marks import Marking
from ragstone.prompts.passages import origin, passages
from ragstone.protocols import Observation
from ragstone.types import Hit, Prompt

__all__ = ["Observed", "Told"]

FENCE = Marking("delimit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The values of the words that tell of an observation; `hits` are new, in the order of their numbers."""

    values: Mapping[str, object]
    marking: Marking
    hits: tuple[Hit, ...] = ()
    broken: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Observed:
    """The passages that a prompt shows, in the order of their numbers, and how it marks them."""

    hits: tuple[Hit, ...]
    marking: Marking

    @classmethod
    def of(cls, prompt: Prompt) -> Observed:
        """Those of all its slots. What is marked nowhere gets a fence: it comes from outside."""
        inside = [slot for slot in prompt.slots if slot.mark in ("datamark", "encode")]
        marking = Marking(inside[0].mark, inside[0].sign) if inside else FENCE
        return cls(tuple(hit for slot in prompt.slots for hit in slot.hits), marking)

    def put(self, found: Observation, tokens: Collection[str]) -> Told:
        """An observation. A passage that was read before keeps its number, and is only named."""
        known: list[int] = []
        new: list[Hit] = []
        for hit in found.hits:
            number = next((place for place, other in enumerate(self.hits, 1) if _covers(other, hit)), None)
            if number is not None:
                known.append(number)
            elif not any(_covers(other, hit) for other in new):
                new.append(hit)
        texts = [found.text, *(text for hit in new for text in (origin(hit), hit.chunk.embedded))]
        marking = self._fitting(texts)
        first = len(self.hits) + 1
        shown, broken = passages(new, marking, trust="tool", tokens=tokens, first=first)
        marked, more = self._marked(found.text, marking, tokens)
        values = {
            **marked,
            "passages": shown if new else "",
            "known": ", ".join(f"[{number}]" for number in dict.fromkeys(known)),
            "cut": found.cut,
        }
        return Told(values=values, marking=marking, hits=tuple(new), broken=(*broken, *more))

    def told(self, text: str, tokens: Collection[str]) -> Told:
        """Words of a tool."""
        marking = self._fitting([text])
        values, broken = self._marked(text, marking, tokens)
        return Told(values=values, marking=marking, broken=broken)

    def _fitting(self, texts: Sequence[str]) -> Marking:
        """The prompt's own marking, whose sign was chosen before these texts were known: one that has it is fenced."""
        sign = self.marking.sign
        return FENCE if sign and any(sign in text for text in texts) else self.marking

    def _marked(
        self, text: str, marking: Marking, tokens: Collection[str]
    ) -> tuple[dict[str, object], tuple[str, ...]]:
        """Special tokens are broken up before, so that no mark hides one."""
        between = marking.kind == "delimit"
        whole, broken = wire.part(text.strip(), "tool", tokens)
        said = str(whole)
        if said and between:
            (said,) = fenced([said])
        return {"found": said if between else marking.of(said), "fenced": between}, broken


def _covers(one: Hit, other: Hit) -> bool:
    """Whether the first shows all that the second would."""
    a, b = one.chunk, other.chunk
    return a.document_id == b.document_id and a.start <= b.start and b.end <= a.end
