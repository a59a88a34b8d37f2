"""Checks with one fault each, and the suite over them. `test_suites.py` runs this file and looks at what fails."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import re

from ragstone.errors import CheckFailed
from ragstone.protocols import Check
from ragstone.testing.suites import CheckSuite
from ragstone.verdicts import PASSED, Finding, Flaw


class NoShouting(Check):
    """What the others get wrong: it finds words in capitals, and makes them small."""

    stages = ("output", "input")
    whole, fixes = False, True

    async def check(self, subject, *, context):
        flaws = tuple(Flaw(*one.span(), "it shouts") for one in re.finditer("[A-Z]{2,}", subject.text))
        if not flaws:
            return PASSED
        return Finding(passed=False, reason="it shouts", flaws=flaws, fixed=self.quiet(subject.text))

    def quiet(self, text):
        return re.sub("[A-Z]{2,}", lambda one: one[0].lower(), text)


class Telling(NoShouting):
    """Gives what is no finding."""

    async def check(self, subject, *, context):
        return (await super().check(subject, context=context)).passed


class Unreasonable(NoShouting):
    async def check(self, subject, *, context):
        return dataclasses.replace(await super().check(subject, context=context), reason="")


class Pointing(NoShouting):
    """Its flaws are ranges of the whole answer."""

    async def check(self, subject, *, context):
        found = await super().check(subject, context=context)
        moved = [Flaw(one.start + subject.offset, one.end + subject.offset, one.reason) for one in found.flaws]
        return dataclasses.replace(found, flaws=tuple(moved))


class Mending(NoShouting):
    """Fixes, and does not say that it can."""

    fixes = False


class HalfMending(NoShouting):
    """What it makes of a text does not pass."""

    def quiet(self, text):
        return text + "!"


class Wavering(NoShouting):
    """Says another thing each time."""

    def __init__(self):
        self.turns = itertools.count()

    async def check(self, subject, *, context):
        found = await super().check(subject, context=context)
        return dataclasses.replace(found, score=next(self.turns) / 1e6)


class Recalling(NoShouting):
    """Knows of the texts before, though each was begun anew."""

    def __init__(self):
        self.seen = False

    async def check(self, subject, *, context):
        found = await super().check(subject, context=context)
        before, self.seen = self.seen, self.seen or not found.passed
        return Finding(passed=False, reason="it shouted before") if found.passed and before else found


class Mixing(NoShouting):
    """Remembers the text that came last, and so mixes those that come at once."""

    async def check(self, subject, *, context):
        self.subject = subject
        await asyncio.sleep(0)
        return await super().check(self.subject, context=context)


class Brittle(NoShouting):
    """Cannot read what no encoding can hold."""

    async def check(self, subject, *, context):
        subject.text.encode()
        return await super().check(subject, context=context)


class Raising(NoShouting):
    """Does what a policy should do."""

    async def check(self, subject, *, context):
        found = await super().check(subject, context=context)
        if not found.passed:
            raise CheckFailed("it shouts")
        return found


class Willing(NoShouting):
    """Would have the answer dropped, as only a passage can be."""

    on_fail = "drop"


class Lenient(NoShouting):
    """Finds nothing where people ask."""

    async def check(self, subject, *, context):
        return PASSED if subject.stage == "input" else await super().check(subject, context=context)


class Boundless(NoShouting):
    """Its measure has no bounds."""

    async def check(self, subject, *, context):
        found = await super().check(subject, context=context)
        return dataclasses.replace(found, score=float(len(found.flaws)) * 2)


class Forgetting(NoShouting):
    """What begins has other properties."""

    def begin(self, subject):
        begun = type(self)()
        begun.whole = True
        return begun


CHECKS = (NoShouting, Telling, Unreasonable, Pointing, Mending, HalfMending, Wavering, Recalling, Mixing, Brittle)
for check in (*CHECKS, Raising, Willing, Lenient, Boundless, Forgetting):
    settings = {"passes": "It is late.", "fails": "IT IS LATE.", "repairs": True}
    made = {"make": lambda self, tmp_path, check=check: check(), **settings}
    globals()[f"Test{check.__name__}"] = type(f"Test{check.__name__}", (CheckSuite,), made)
