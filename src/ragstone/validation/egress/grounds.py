"""What of a prompt an answer may repeat: who wrote what, and which codes must never come out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ragstone.labels import TRUSTED, trust_of
from ragstone.types import Hit, Prompt, Slot
from ragstone.validation.egress.addresses import Prefix, addresses
from ragstone.verdicts import Subject

__all__ = ["CANARY", "Grounds", "grounds"]

CANARY = "canary"
"""The slot that holds the code which `prompts/parts/canary.md` plants."""

LONG_VALUE = 20
"""Characters. A shorter value would be cut out of instructions that only happen to hold it."""


@dataclass(frozen=True)
class Grounds:
    """What is known of one prompt.

    `trusted` are the texts whose addresses an answer may give, `asked` those that the user wrote, `found` those that
    others did, and `told` are the author's instructions. `free`: nobody else has said anything.
    """

    free: bool = False
    trusted: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    abstain: str = ""
    canaries: tuple[str, ...] = ()
    passages: int = 0  # the numbers that name one
    allow: tuple[Prefix, ...] = field(default=())

    @cached_property
    def known(self) -> str:
        """All that stands in the prompt but for its instructions."""
        return "\n".join((*self.found, *self.trusted, *self.asked))

    @cached_property
    def wrote(self) -> str:
        """All that the user wrote."""
        return "\n".join(self.asked)

    @cached_property
    def _addresses(self) -> frozenset[str]:
        return frozenset(one.text for text in self.trusted for one in addresses(text))

    def trusts(self, address: str) -> bool:
        """Whether an answer may give this address so that it can be followed."""
        if address in self._addresses:
            return True
        return any(one.covers(address, query=address in self.known) for one in self.allow)


def grounds(subject: Subject, allow: Sequence[Prefix] = ()) -> Grounds:
    """What is known of the prompt that an answer was given to. Where there is none, nobody is trusted."""
    prompt = subject.prompt
    if prompt is None:
        asked = (subject.question,) if subject.question else ()
        found = tuple(hit.chunk.embedded for hit in subject.hits)
        return Grounds(trusted=asked, asked=asked, found=found, passages=len(subject.hits), allow=tuple(allow))
    said = [slot for slot in prompt.slots if slot.text and slot.name not in (CANARY, "mark")]
    replies = {message.content for message in prompt.messages if message.role == "assistant"}
    asked = tuple(slot.text for slot in said if slot.trust == "user" and _own(slot, replies))
    others = tuple(slot for slot in said if not _trusted(slot, replies))
    hits = (*subject.hits, *(hit for slot in prompt.slots for hit in slot.hits))
    vouched = tuple(hit.chunk.embedded for hit in hits if _vouched(hit))
    told = tuple(_told(prompt, others))
    given = tuple(slot.text for slot in said if slot.trust == "author")
    return Grounds(
        free=not others and all(_vouched(hit) for hit in hits),
        trusted=(*asked, *given, *vouched, *_authored(prompt, others)),
        asked=asked,
        found=(*(hit.chunk.embedded for hit in hits), *(slot.text for slot in others)),
        told=told,
        abstain=prompt.abstain or "",
        canaries=tuple(slot.text for slot in prompt.slots if slot.name == CANARY and slot.text),
        passages=sum(len(slot.hits) for slot in prompt.slots),
        allow=tuple(allow),
    )


def _vouched(hit: Hit) -> bool:
    """Whether the policy of its source trusts a passage."""
    return trust_of(hit.chunk.metadata) in TRUSTED


def _own(slot: Slot, replies: set[str]) -> bool:
    """Whether the user wrote it himself: earlier answers and examples stand in slots of that trust, too."""
    return slot.name != "examples" and not (slot.name == "history" and slot.text in replies)


def _trusted(slot: Slot, replies: set[str]) -> bool:
    if slot.hits:
        return all(_vouched(hit) for hit in slot.hits)
    return slot.trust == "author" or (slot.trust == "user" and _own(slot, replies))


def _told(prompt: Prompt, others: Sequence[Slot]) -> Iterator[str]:
    """The words of system messages, less what others wrote that was put into them."""
    for message in prompt.messages:
        if message.role == "system":
            text = message.content
            for slot in others:
                text = text.replace(slot.text, "\n") if len(slot.text) >= LONG_VALUE else text
            yield text


def _authored(prompt: Prompt, others: Sequence[Slot]) -> Iterator[str]:
    """The author's words in system messages; none, where a filter of the template may have hidden what others wrote."""
    if all(any(slot.text in message.content for message in prompt.messages) for slot in others):
        for message in prompt.messages:
            if message.role == "system":
                text = message.content
                for slot in others:
                    text = text.replace(slot.text, "\n")
                yield text
