"""A model of others that sees no personal data: names stand in for it on the way there, and values on the way back.

    question ─ cache ─ [PersonalModel] ─ attempts ─ budget ─ the model's server
                 real ◂──┘      └──▸ `<EMAIL_ADDRESS_1>`

It stands inside of the cache, whose keys are made of the real request and whose answers are real ones, and outside of
whatever sends a request again, so that each try says the same names.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ragstone.caching.personal import Impersonal
from ragstone.caching.screen import Screen
from ragstone.config import Located
from ragstone.errors import ConfigError, NotAllowed, NotConfigured, RagstoneError
from ragstone.pipelines.personal_text import Part, edited, fields_of, loosely, parts_of
from ragstone.pipelines.spec import CacheSpec, PersonalSpec, RouteSpec
from ragstone.protocols import Check, Connector, Model
from ragstone.text.personal.masks import mask
from ragstone.types import Completion, Context, Delta, Prompt
from ragstone.validation.personal.pseudonyms import Pseudonyms, same
from ragstone.verdicts import Flaw, Subject
from ragstone.wrapped import WrappedModel

__all__ = ["PersonalModel", "check_of", "private", "screen_of"]

SHORTEST = 5  # characters of a value that is looked for elsewhere too: `31` stands in many places that mean nobody


@dataclass(frozen=True, slots=True)
class _Sent:
    """A prompt as a model gets it, and the names in it."""

    prompt: Prompt
    names: Pseudonyms

    def back(self, completion: Completion) -> Completion:
        """What the model said, with the values for their names."""
        text = self.names.restore(completion.text, escaped=self.escaped)
        return replace(completion, text=text, reasoning=self.names.restore(completion.reasoning))

    @property
    def escaped(self) -> bool:
        """Whether the answer is JSON, so that a value is written as its strings are."""
        return self.prompt.output is not None


class PersonalModel(WrappedModel):
    """A model that is told of personal data as `terms` say: names, masks, nothing at all, or everything.

    A model of your own (`capabilities.local`) sees all of it, unless the terms say otherwise; one that only quotes is
    told nothing, and sees it always. Raises NotAllowed, so that a router takes another model, for a request that holds
    what may not be sent, or could not be looked through.
    """

    def __init__(self, model: Model, check: Check, terms: PersonalSpec) -> None:
        super().__init__(model)
        self.check, self.terms = check, terms

    @property
    def fingerprint(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The wrapped model's, with the terms: an answer to other words is another one."""
        own = self.model.fingerprint
        if not own:
            return ""
        said = json.dumps(self.terms.model_dump(mode="json"), sort_keys=True)
        return f"{own}+{hashlib.blake2b(said.encode(), digest_size=6).hexdigest()}"

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """The whole completion."""
        sent = await self._sent(prompt, context)
        if sent is None:
            return await self.model.generate(prompt, context=context)
        return sent.back(await self.model.generate(sent.prompt, context=context))

    async def sample(self, prompt: Prompt, *, n: int, context: Context) -> Sequence[Completion]:
        """All of them."""
        sent = await self._sent(prompt, context)
        if sent is None:
            return await self.model.sample(prompt, n=n, context=context)
        return [sent.back(one) for one in await self.model.sample(sent.prompt, n=n, context=context)]

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The same piece by piece: what may be the beginning of a name waits for its end."""
        sent = await self._sent(prompt, context)
        if sent is None:
            async with aclosing(self.model.stream(prompt, context=context)) as deltas:
                async for delta in deltas:
                    yield delta
            return
        restoring = sent.names.restoring(escaped=sent.escaped)
        async with aclosing(self.model.stream(sent.prompt, context=context)) as deltas:
            async for delta in deltas:
                if delta.restart:
                    restoring = sent.names.restoring(escaped=sent.escaped)
                text = restoring.feed(delta.text)
                if delta.completion is None:
                    yield replace(delta, text=text)
                else:
                    yield replace(delta, text=text + restoring.finish(), completion=sent.back(delta.completion))

    # ── On the way there ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _sent(self, prompt: Prompt, context: Context) -> _Sent | None:
        """What the model gets; None where that is the prompt itself. Raises NotAllowed."""
        terms = self.terms
        if self.capabilities.local:
            if terms.local == "all" or not self.capabilities.generative:
                return None  # the passages themselves are what it says, and no other words would do
            terms = terms.model_copy(update={"send": terms.local, "fields": {}})
        if terms.everything:
            return None
        with context.trace.step("personal", model=self.name) as step:
            reading = _Reading(prompt, terms, self.name, tuple(await self._flaws(prompt.authored, prompt, context)))
            for part in reading.parts:
                reading.found.append((part, await self._flaws(part.text, prompt, context)))
            sent = reading.sent()
            step.facts.update(found=dict(reading.counted))
        return sent

    async def _flaws(self, text: str, prompt: Prompt, context: Context) -> Sequence[Flaw]:
        """The personal data in a text. Raises NotAllowed where nobody could look."""
        if not text:
            return ()
        try:
            found = await self.check.check(Subject(text=text, stage="input", prompt=prompt), context=context)
        except NotConfigured:
            raise
        except RagstoneError as error:
            why = f"personal data could not be looked for: {error}"
            raise NotAllowed(why, where=self.name) from error
        if not found.passed and not found.flaws:
            raise NotAllowed("it may hold personal data, and the check does not say where", where=self.name)
        return found.flaws


@dataclass(slots=True)
class _Reading:
    """A prompt that is read for what may not be sent. `known` are what its author has written, who sends it anyway."""

    prompt: Prompt
    terms: PersonalSpec
    model: str
    authored: Sequence[Flaw]
    parts: Sequence[Part] = ()
    found: list[tuple[Part, Sequence[Flaw]]] = field(default_factory=list[tuple[Part, Sequence[Flaw]]])
    counted: Counter[str] = field(default_factory=Counter[str])

    def __post_init__(self) -> None:
        self.parts = parts_of(self.prompt, where=self.model)

    def sent(self) -> _Sent:
        """The prompt with names and masks in place. Raises NotAllowed for what may not be sent at all."""
        prompt = self.prompt
        known = {same(prompt.authored[one.start : one.end], _type_of(one)) for one in self.authored}
        names = Pseudonyms(part.text for part in self.parts)
        places = fields_of(prompt)
        types: dict[str, str] = {}  # of each value: that by which it was found first
        elsewhere: dict[str, str] = {}
        for part, flaws in self.found:
            for flaw in flaws:
                value = part.text[flaw.start : flaw.end]
                key = same(value, _type_of(flaw))
                if key not in known:
                    type_ = types.setdefault(key, _type_of(flaw))
                    elsewhere.setdefault(loosely(value), type_)
        wanted = {value: type_ for value, type_ in elsewhere.items() if len(value) >= SHORTEST}
        changes: dict[Part, list[tuple[int, int, str]]] = {}
        for part, flaws in self.found:
            ordered = sorted(flaws, key=lambda one: (one.start, -one.end))
            spans = [(flaw.start, flaw.end, _type_of(flaw)) for flaw in ordered]
            for start, end, found_as in [*spans, *part.others(wanted, spans)]:
                value = part.text[start:end]
                key = same(value, found_as)
                type_ = types.get(key, found_as)
                send = self.terms.strictest(part.fields_at(start, end, places))
                if key in known or send == "all":
                    continue
                self.counted[type_] += 1
                if send == "nothing":
                    message = f"the request holds {type_}, which may not be sent to it"
                    raise NotAllowed(message, where=self.model, hint="A model with `local: true` may have it.")
                name = mask(type_) if send == "masks" else names.of(value, type_)
                changes.setdefault(part, []).append((start, end, name))
        messages = edited(prompt.messages, self.parts, changes)
        bare = tuple(replace(slot, text="", hits=()) for slot in prompt.slots)  # a model of others reads messages alone
        return _Sent(replace(prompt, messages=messages, slots=bare), names)


def _type_of(flaw: Flaw) -> str:
    """The type of a find, as a name may have it, whatever a check calls it."""
    return re.sub(r"[\W_]+", "_", flaw.label).strip("_").upper() or "PERSONAL"


# ── From the files ──────────────────────────────────────────────────────────────────────────────────────────────────


class Parts(Protocol):
    """Builds what a file names."""

    files: Mapping[str, Located]

    def connector(self, kind: str, name: str, *, asked_at: str = "", **given: Any) -> Connector:
        """A connector by its name."""
        ...

    def make(self, kind: str, located: Located, *, name: str, **given: Any) -> Connector:
        """One of a type, from these keys."""
        ...


def private(
    models: Mapping[str, Model | NotConfigured], wanted: RouteSpec, spec: Located, parts: Parts
) -> dict[str, Model | NotConfigured]:
    """The models of a route, each told of personal data as the route says. Raises ConfigError."""
    terms = wanted.personal
    if terms is None:
        return dict(models)
    check = check_of(terms, spec, parts)
    return {
        name: PersonalModel(model, check, terms) if isinstance(model, Model) else model
        for name, model in models.items()
    }


def check_of(terms: PersonalSpec, spec: Located, parts: Parts) -> Check:
    """Who finds personal data: a connector's file, or a type that needs none. Raises ConfigError, with its place."""
    at = ("route", "personal", "by")
    if terms.by in parts.files:
        if terms.types is not None:
            hint = f"Write it into connectors/{terms.by}.yaml."
            where = spec.where(("route", "personal", "types"))
            raise ConfigError("`types` is a key of the check itself", where=where, hint=hint)
        check = parts.connector("check", terms.by, asked_at=spec.where(at))
    else:
        settings = {"type": terms.by} | ({} if terms.types is None else {"types": terms.types})
        places = {keys[2:]: place for keys, place in spec.places.items() if keys[:2] == at[:2]}
        if at in spec.places:
            places["type",] = spec.places[at]
        check = parts.make("check", Located(settings, spec.path, places), name=terms.by)
    assert isinstance(check, Check), "the registry has checked it"
    if not check.personal:
        raise ConfigError(
            f"the check {terms.by!r} finds no personal data",
            where=spec.where(at),
            expected="`personal`, `presidio`, or a connector of such a type",
            hint="A check of your own says so with `personal = True`.",
        )
    return check


def screen_of(wanted: RouteSpec, cache: CacheSpec, spec: Located, parts: Parts) -> Screen | None:
    """Keeps what holds personal data out of a cache, as the route's own check finds it; None where it may be kept."""
    return None if cache.personal else Impersonal(check_of(wanted.personal or PersonalSpec(), spec, parts))
