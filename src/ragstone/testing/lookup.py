"""A lookup without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ragstone.errors import ConfigError, LookupFailed, LookupUnavailable
from ragstone.lookup.address import parse
from ragstone.protocols import Capabilities, Lookup, Reply
from ragstone.types import Context

__all__ = ["MemoryLookup"]


class MemoryLookup(Lookup):
    """Gives texts by their path, and remembers what it was asked for. It allows `paths`, or all without any.

    >>> lookup = MemoryLookup({"/orders/7": "sent"}, paths=["/orders/{id}"])
    >>> (await lookup.fetch("/orders/7", context=context)).text
    'sent'
    """

    capabilities = Capabilities(local=True)
    fingerprint = "memory"

    def __init__(self, texts: Mapping[str, str], *, paths: Sequence[str] = (), keep: float = 0.0) -> None:
        self.texts, self.keep = texts, keep
        self.asked: list[str] = []
        self._paths = [parse(path) for path in paths]

    def allow(self, path: str) -> None:
        """Raises ConfigError for a path that `paths` does not allow."""
        asked = parse(path)
        if self._paths and not any(one.allows(asked) for one in self._paths):
            raise ConfigError(f"the path {path!r} is not allowed", expected="one of " + ", ".join(self._names()))

    async def fetch(self, path: str, *, context: Context) -> Reply:
        """The text of that path. Raises LookupFailed where there is none, or none that is allowed."""
        if self._paths and not any(one.made(path) for one in self._paths):
            raise LookupFailed("the path is not allowed", where=path, expected="one of " + ", ".join(self._names()))
        if context.remaining() == 0:
            raise LookupUnavailable("the deadline passed", where=path)
        self.asked.append(path)
        if path not in self.texts:
            raise LookupFailed("there is nothing", where=path)
        return Reply(text=self.texts[path], url=f"memory:{path}", size=len(self.texts[path].encode()))

    def _names(self) -> list[str]:
        return [one.text for one in self._paths]
