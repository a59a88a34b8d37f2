"""Fetches what a prompt looks up, all of it at once, before the prompt is built."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ragstone.caching.replies import ReplyCache
from ragstone.errors import ConfigError, LookupFailed, NotConfigured, PromptError, RagstoneError, UsageError
from ragstone.lookup.pick import picked
from ragstone.prompts.file import PromptFile
from ragstone.prompts.inputs import checked
from ragstone.prompts.lookups import LookupSlot
from ragstone.prompts.template import plain
from ragstone.protocols import Lookup, Reply
from ragstone.together import together
from ragstone.trace import Step
from ragstone.types import Context

if TYPE_CHECKING:
    from ragstone.pipelines.build import Builder

__all__ = ["NO_LOOKUPS", "Looked", "Lookups", "project_faults"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Looked:
    """What was looked up, by slot, and what the reader must know of what could not be."""

    values: Mapping[str, str] = field(default_factory=dict[str, str])
    notices: tuple[str, ...] = ()


class Lookups:
    """Fetches the slots of prompt files. `connector` gives a connector by name, and may block."""

    def __init__(self, connector: Callable[[str], Lookup], cache: ReplyCache) -> None:
        self._connector, self._cache = connector, cache

    async def beside(
        self, other: Coroutine[Any, Any, T], file: PromptFile, inputs: Mapping[str, object], *, context: Context
    ) -> tuple[T, Looked]:
        """What `fetch` gives, while something else is done. Where one of the two fails, the other is stopped."""
        if not file.lookups:
            return await other, Looked()
        found = await together((other, self.fetch(file, inputs, context=context)))
        return cast("tuple[T, Looked]", tuple(found))

    async def fetch(self, file: PromptFile, inputs: Mapping[str, object], *, context: Context) -> Looked:
        """What a prompt looks up with these inputs.

        Raises UsageError for a value that cannot stand in a path, and for one that is given in place of what is looked
        up; LookupFailed for what cannot be had, unless the file says `on_fail: empty`.
        """
        if not file.lookups:
            return Looked()
        for slot in file.lookups:
            if slot.name in inputs:
                raise UsageError(
                    f"there is no input {slot.name!r}", where=f"prompt {file.name!r}", hint="It is looked up."
                )
        values = {name: plain(value) for name, value in checked(file, inputs).items()}
        texts = await together(self._one(slot, values, context) for slot in file.lookups)
        found = dict(zip((slot.name for slot in file.lookups), texts, strict=True))
        notices = tuple(f"{name}: {error}" for name, error in found.items() if isinstance(error, RagstoneError))
        return Looked({name: text if isinstance(text, str) else "" for name, text in found.items()}, notices)

    async def _one(self, slot: LookupSlot, values: Mapping[str, str], context: Context) -> str | RagstoneError:
        """The text of a slot; where it may stay empty, the error instead."""
        try:
            with context.trace.step(f"lookup.{slot.name}", connector=slot.connector) as step:
                reply = await self._reply(slot, slot.address.filled(values), step, context)
                return _part(slot, reply)
        except (LookupFailed, NotConfigured, UsageError) as error:
            if slot.on_fail == "empty":
                return error
            error.where = ": ".join(filter(None, (f"lookup {slot.name!r}", error.where)))
            raise

    async def _reply(self, slot: LookupSlot, path: str, step: Step, context: Context) -> Reply:
        connector = await asyncio.to_thread(self._connector, slot.connector)
        keep, reply = connector.keep, None
        key = {
            "tenant": context.tenant,
            "connector": slot.connector,
            "fingerprint": connector.fingerprint,
            "path": path,
        }
        if keep > 0:
            reply = await asyncio.to_thread(self._cache.get, **key)
        step.facts["cached"] = reply is not None
        if reply is None:
            reply = await connector.fetch(path, context=context)
            if keep > 0:
                await asyncio.to_thread(self._cache.put, reply, seconds=keep, **key)
        step.facts.update(url=reply.url, status=reply.status, bytes=reply.size)
        return reply


def _part(slot: LookupSlot, reply: Reply) -> str:
    try:
        return picked(reply.text, slot.pick)
    except ValueError as error:
        raise LookupFailed(f"the reply {error}", where=f"{slot.connector} ({reply.url})") from error


def _nowhere(name: str) -> Lookup:
    raise ConfigError(f"there is no connector {name!r}", hint="Prompts look things up in a project folder only.")


NO_LOOKUPS = Lookups(_nowhere, ReplyCache(None))
"""Where there are no connectors: a prompt that looks something up says so."""


def project_faults(file: PromptFile, builder: Builder) -> Iterator[PromptError]:
    """What a prompt looks up and the connectors of its project do not give, with the place in the prompt file."""
    for slot in file.lookups:
        where = slot.from_at
        try:
            builder.declared("lookup", slot.connector, asked_at=where)
            connector, where = builder.idle_lookup(slot.connector), slot.path_at
            if connector is not None:
                connector.allow(slot.address.text)
        except ConfigError as error:
            yield PromptError(error.message, where=where, expected=error.expected, found=error.found, hint=error.hint)
