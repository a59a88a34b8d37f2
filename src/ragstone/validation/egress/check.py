"""The check that every answer passes last: nothing goes out that nobody trusted gave, or that nobody may read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from typing import ClassVar

from ragstone.errors import ConfigError
from ragstone.protocols import Check
from ragstone.types import Context
from ragstone.validation.egress import secrets as known_secrets
from ragstone.validation.egress.addresses import prefix
from ragstone.validation.egress.canary import Watch
from ragstone.validation.egress.draft import Draft, Edit
from ragstone.validation.egress.encoded import ENCODED, readings
from ragstone.validation.egress.grounds import Grounds, grounds
from ragstone.validation.egress.links import REMOVED, disarmed
from ragstone.validation.egress.overlap import Instructions, Overlap
from ragstone.validation.egress.reading import Reading
from ragstone.validation.egress.view import view, without_emphasis
from ragstone.verdicts import PASSED, Finding, OnFail, Stage, Subject

__all__ = ["EgressCheck"]

REST = "[The rest of the answer was withheld.]"
WITHHELD = "[instructions withheld]"
ROUNDS = 8  # in which what was changed is looked at again; what is not settled then is taken out
LONG = 20_000  # characters that are not read on the event loop
SHORTEST_READING = 16  # characters of a text of the prompt that are no chance


class EgressCheck(Check):
    """What no answer may carry out: strangers' links, markup, codes, secrets and the prompt's own words.

    `allow` are addresses that others may begin with. `emails: false` leaves e-mail addresses as they are, and
    `secrets: false` what looks like a key or a password. `words` are those of the instructions that may not come out in
    a row; 0 lets them. Raises ConfigError for less.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("output",)
    whole = False
    fixes = True
    last = True
    on_fail: OnFail = "fix"

    def __init__(
        self, *, allow: Sequence[str] = (), emails: bool = True, secrets: bool = True, words: int = 12
    ) -> None:
        if words < 0:
            raise ConfigError("words is out of range", expected="0 or more", found=str(words))
        self.allow = tuple(prefix(one) for one in allow)
        self.emails, self.secrets, self.words = emails, secrets, words

    def begin(self, subject: Subject) -> Check:
        """A check of one answer, which remembers what was said of it."""
        return _Leaving(self, grounds(subject, self.allow))

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """A text by itself."""
        return await self.begin(subject).check(subject, context=context)


class _Leaving(EgressCheck):
    """One answer on its way out, piece by piece."""

    def __init__(self, settings: EgressCheck, given: Grounds) -> None:
        self.allow, self.emails, self.secrets, self.words = (
            settings.allow,
            settings.emails,
            settings.secrets,
            settings.words,
        )
        self._given = given
        self._reading = Reading(given.passages)
        self._watch = Watch(tuple(code for code in given.canaries if code not in given.wrote))
        self._seen = self._watch.copy()
        allowed = (*given.found, *given.asked, given.abstain)
        self._overlap = Overlap(Instructions(given.told, allowed, words=settings.words))
        self._plain = tuple(" ".join(text.split()) for text in (*given.told, *given.found))
        self._key = False  # a private key has begun
        self._withheld = False
        self._mended: tuple[int, str] | None = None

    def begin(self, subject: Subject) -> Check:
        """The same for the next text of an object: its Markdown begins anew, and what has come out is remembered."""
        after = copy(self)
        after._reading, after._mended = Reading(self._given.passages), None
        return after

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """What the next piece of the answer carries that it may not, and the piece without it."""
        if self._mended == (subject.offset, subject.text):
            return PASSED  # what this check has made of it is looked at once more by who asks
        work = asyncio.to_thread(self._checked, subject) if len(subject.text) > LONG else None
        draft = await work if work is not None else self._checked(subject)
        if not draft.flaws:
            return PASSED
        self._mended = subject.offset, draft.text
        reasons = dict.fromkeys(flaw.reason for flaw in draft.flaws)
        return Finding(passed=False, reason="; ".join(reasons), flaws=tuple(draft.flaws), fixed=draft.text)

    def _checked(self, subject: Subject) -> Draft:
        draft = Draft(subject.text)
        if self._withheld:
            draft.change([Edit(0, len(draft.text), "", "canary", "what follows a code that may not come out")])
            return draft
        draft.change(self._leaks(draft.text))
        if self._given.free:
            return draft
        for rounds in range(ROUNDS):
            reading = self._reading.copy()
            edits = disarmed(draft.text, reading, self._given)
            edits += self._secrets(draft.text) if rounds else ()  # of which an image may have stood in the middle
            if not draft.change(one for one in edits if self.emails or one.label != "address"):
                break
        else:
            draft.change([Edit(0, len(draft.text.rstrip()), REMOVED, "link", "links inside of links")])
            reading = self._reading.copy()
            reading.read(draft.text)
        self._reading = reading
        return draft

    # ── What nobody may read ─────────────────────────────────────────────────────────────────────────────────────────

    def _leaks(self, text: str) -> list[Edit]:
        """What must go wherever it stands, in code, too."""
        edits = [*self._private_key(text), *self._secrets(text)]
        for start, end in self._overlap.read(text):
            edits.append(Edit(start, end, WITHHELD, "instructions", "it repeats its instructions"))
        seen = view(text)  # no marker is in it, and no escape
        shown = self._seen.read(seen.text)
        places = [self._watch.read(text), None if shown is None else seen.range(shown, shown)[0]]
        for start, end, said in readings(text):
            if self._watch.holds(said):
                places.append(start)
            elif text[start:end] not in self._given.known and self._repeats(said):
                edits.append(Edit(start, end, ENCODED, "encoded", "a text of the prompt, encoded"))
        place = min((one for one in places if one is not None), default=None)
        if place is not None:
            self._withheld = True
            edits = [replace(one, end=min(one.end, place)) for one in edits if one.start < place]
            edits.append(Edit(place, len(text), REST, "canary", "a code came out that was planted in the instructions"))
        return edits

    def _repeats(self, said: str) -> bool:
        """Whether what was encoded stands in the prompt, and was encoded by nobody there."""
        plain = " ".join(said.split())
        if len(plain) < SHORTEST_READING:
            return False
        return any(plain in text for text in self._plain) or self._overlap.repeats(said)

    def _secrets(self, text: str) -> Iterator[Edit]:
        if not self.secrets:
            return
        passages = self._given.passages
        ways = [view(text, passages=passages, escapes=False), view(text, passages=passages)]
        ways.append(without_emphasis(ways[-1]))
        for seen in {way.text: way for way in reversed(ways)}.values():
            for found in known_secrets.secrets(seen.text, alone=seen is ways[-1]):
                if seen.text[found.start : found.end] not in self._given.wrote:
                    reason = f"what looks like {found.what}"
                    yield Edit(*seen.range(found.start, found.end), known_secrets.SECRET, "secret", reason)

    def _private_key(self, text: str) -> Iterator[Edit]:
        """A private key from its first line to its last, which may come much later."""
        if not self.secrets or (not self._key and "-----" not in text and "BEGIN" not in text):
            return
        at = 0
        while at < len(text):
            begun = None if self._key else known_secrets.BEGINS_KEY.search(text, at)
            if not self._key and begun is None:
                return
            start = at if begun is None else begun.start()
            ended = known_secrets.ENDS_KEY.search(text, start if begun is None else begun.end())
            end = len(text) if ended is None else ended.end()
            told = known_secrets.SECRET if begun is not None else ""
            self._key = ended is None
            if begun is None or text[start:end] not in self._given.wrote:
                body = text[start:end]
                left = body[len(body.rstrip()) :] if ended is None else ""
                yield Edit(start, end, told + left, "secret", "what looks like a private key")
            at = end
