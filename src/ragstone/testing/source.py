"""A source without a disk."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial

from ragstone.protocols import NO_VERSIONS, Capabilities, Source, Versions
from ragstone.types import PUBLIC, Context, Item

__all__ = ["MemorySource"]


class MemorySource(Source):
    """Lists a mapping of uri to content. What the mapping holds when it is listed counts, so a test may change it.

    >>> files = {"a.md": "one", "b.md": b"two"}
    >>> source = MemorySource(files, acl={"b.md": ("group:hr",)})
    >>> [(item.uri, item.read(), item.acl) async for item in source.items(context=Context())]
    [('a.md', b'one', ('public',)), ('b.md', b'two', ('group:hr',))]
    """

    capabilities = Capabilities(local=True)

    def __init__(
        self,
        files: Mapping[str, str | bytes],
        *,
        name: str = "memory",
        acl: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.name = name
        self.files = files
        self._acl = acl or {}
        self.protected = any(tuple(allowed) != PUBLIC for allowed in self._acl.values())

    async def items(self, *, context: Context, known: Versions = NO_VERSIONS) -> AsyncIterator[Item]:
        """Lists every item, in the mapping's order. The version is the hash of the content."""
        for uri, content in self.files.items():
            data = content.encode() if isinstance(content, str) else content
            yield Item(
                uri=uri,
                version=hashlib.sha256(data).hexdigest(),
                size=len(data),
                read=partial(bytes, data),
                acl=tuple(self._acl.get(uri, PUBLIC)),
            )
