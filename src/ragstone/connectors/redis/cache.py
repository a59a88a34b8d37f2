"""The cache that the processes of several machines share.

    kind: cache
    type: redis
    url: ${env:RAGSTONE_REDIS_URL:}

It is best kept in a Redis of its own, with `maxmemory 1gb`, `maxmemory-policy allkeys-lru` and nothing written to disk:
what was not used for longest makes room, and what is lost is made again. Where a ledger shares the Redis, nothing of
that may be evicted: `volatile-lru` then, which evicts only what has a time to live, as every entry has. With
`noeviction` a Redis that is full keeps nothing new until something expires.

What each key holds, after the prefix:

    entry:<room>:<key>    one byte for the format, three doubles (its order, when it was made, when its time is over),
                          and the value. It lives for as long as the entry may, a year at most.
    tag:<tag>             zset: <room>:<key> of entries, by their order. It lives as long as the last of them.
                          A member counts while its entry has the order that the set says: what was replaced without
                          this tag, has expired or was evicted does not, and is taken out in passing.
    order                 the highest number that was given out: to entries, and to leases as their fence. One for all
                          of them and never below the microseconds of the clock, it leaves nothing behind and never
                          goes back, not even where Redis has evicted it.
    lease:<key>           hash: owner, begun, until, fence. It lives for an hour after the lease, since a holder who
                          comes back within it may still keep what it made, if nobody has followed. After that, or when
                          it was evicted, what the holder brings is not kept.
    cleared[:<room>]      the order up to which entries are void: from one moment on, before the last is removed
    figures               hash: what was counted

Should Redis evict a set of tags before its entries, then `forget` misses these: they stay until their time is over.
Nobody is answered from them, since the keys that are asked for hold the versions of all that an answer rests on.

What happens inside Redis stands in cache.lua.
"""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias
from urllib.parse import quote, unquote

from ragstone.connectors.redis.vendor import Command, Kind, Script, Server, Trouble, begun_with
from ragstone.errors import CacheUnavailable, ConfigError
from ragstone.protocols import Cache
from ragstone.stored import Found, Lease, Stats, Stored
from ragstone.types import Context

__all__ = ["RedisCache"]

Reason: TypeAlias = Literal["down", "slow", "full", "corrupt"]

SCRIPT = Script("cache.lua")
READING, WRITING = 1.0, 5.0  # seconds that Redis may take for a reply
STARTING = 5.0  # seconds that loading waits for it
PORTION = 1000  # keys in one command, between which Redis serves others
TAGS = 50  # that are forgotten in one round trip
FEW = 8  # keys of which no more is read than an entry may have; of many, to ask for each takes twice as long
MEGABYTE = 1_000_000
SAMPLE = 100_000  # keys that stats looks at, in about 0.2 s

FORMAT, HEAD = 1, struct.Struct(">Bddd")  # as cache.lua has them

TROUBLES: Mapping[Kind, tuple[str, str, Reason]] = {
    "away": ("Redis cannot be reached: {}", "Is it running, and is this its address?", "down"),
    "slow": ("Redis does not answer in time: {}", "Is it busy, or stopped?", "slow"),
    "denied": ("Redis refused the user or the password, or what they may do", "See the url, and Redis' ACL.", "down"),
    "full": ("Redis is full", "Set its maxmemory-policy to allkeys-lru, or raise its maxmemory.", "full"),
    "other": ("Redis cannot keep the cache: {}", "See Redis' own log.", "down"),
}
"""What is said of each, what to do, and what it counts as."""


class RedisCache(Cache):
    """Keeps bytes in Redis 7.0 or later, for as many processes as there are. `prefix` begins the names of all its keys.

    `largest` are the megabytes of one value: a larger one is not kept, and one that somebody else has put there is not
    read to its end, since that would take longer than a request waits.

    Where Redis cannot be asked, CacheUnavailable is raised; the next call connects anew. `clock` gives the seconds
    since the epoch, where it is not Redis' own that does.

    >>> cache = RedisCache("redis://127.0.0.1:6379/0")
    >>> await cache.put("calls", {b"key": Stored(value=b"said", seconds=60)}, context=context)
    >>> (await cache.get("calls", [b"key"], context=context))[b"key"].value
    b'said'
    """

    clock: Callable[[], float] | None = None

    def __init__(self, url: str, prefix: str = "ragstone", largest: int = 5) -> None:
        if largest < 1:
            raise ConfigError("`largest` is too small", expected="1 megabyte or more", found=str(largest))
        self._largest = largest * MEGABYTE
        # What is long to send or to do has a connection of its own, so that what is short never waits behind it.
        self._short = Server(url, SCRIPT, name="cache", translated=_translated, text=False, answering=READING)
        self._long = Server(url, SCRIPT, name="cache-long", translated=_translated, text=False, answering=WRITING)
        self._prefix = begun_with(prefix, what="this cache")  # after the url: without one nobody needs the package

    async def load(self) -> None:
        """Connects, so that the first request finds it ready. Raises CacheUnavailable where it cannot."""
        loaded = (("PING",), ("SCRIPT LOAD", SCRIPT.text))
        try:
            async with asyncio.timeout(STARTING):
                await asyncio.gather(self._short.do(*loaded), self._long.do(*loaded))
        except TimeoutError:
            trouble = Trouble("slow", f"nothing within {STARTING:g} s", self._short.label)
            raise _translated(trouble) from None

    async def get(self, room: str, keys: Sequence[bytes], *, context: Context) -> Mapping[bytes, Found]:
        """Those that are there and whose time is not over."""
        if not keys:
            return {}
        begun, cleared = self._key("entry", _word(room), b""), (self._key("cleared"), self._key("cleared", _word(room)))
        portions = [keys[first : first + PORTION] for first in range(0, len(keys), PORTION)]
        few, end = len(keys) <= FEW, HEAD.size + self._largest  # the byte at the end is one too many
        asked: list[Command]
        if few:
            asked = [("GETRANGE", begun + key, 0, end) for key in keys]
        else:
            asked = [("MGET", *(begun + key for key in portion)) for portion in portions]
        marks, *replies, (seconds, micros) = await self._short.do(("MGET", *cleared), *asked, ("TIME",))
        now = self.clock() if self.clock else seconds + micros / 1e6
        void = max(int(mark or 0) for mark in marks)
        rows = replies if few else [raw for reply in replies for raw in reply]
        if large := [key for key, raw in zip(keys, rows, strict=True) if raw is not None and len(raw) > end]:
            await self.remove(room, large, context=context)
        found = ((key, _found(raw, now, void)) for key, raw in zip(keys, rows, strict=True) if raw is not None)
        return {key: entry for key, entry in found if entry is not None and key not in large}

    async def put(
        self, room: str, entries: Mapping[bytes, Stored], *, lease: Lease | None = None, context: Context
    ) -> None:
        """Keeps or replaces entries, all or none. Raises CacheUnavailable where one of them is too large."""
        if not entries:
            return
        if (size := max(len(entry.value) for entry in entries.values())) > self._largest:
            raise CacheUnavailable(
                "an entry is too large to be kept",
                where=self._short.label,
                expected=f"at most {self._largest:,} bytes",
                found=f"{size:,}",
                reason="large",
            )
        said: list[bytes | str | int] = [lease.key, lease.fence] if lease else ["", ""]
        said.append(len(entries))
        for key in sorted(entries):
            stored, tags = entries[key], [_bytes(tag) for tag in dict.fromkeys(entries[key].tags)]
            seconds = "" if stored.seconds is None else repr(float(stored.seconds))
            said += [self._member(room, key), seconds, stored.value, len(tags), *tags]
        await self._long.do(self._call("put", *said))

    async def remove(self, room: str, keys: Sequence[bytes], *, context: Context) -> None:
        """Removes entries."""
        names = [self._key("entry", self._member(room, key)) for key in keys]
        await self._long.do(*(("UNLINK", *names[at : at + PORTION]) for at in range(0, len(names), PORTION)))

    async def forget(self, tags: Sequence[str], *, context: Context) -> int:
        """Removes whatever has one of these tags, a portion at a time."""
        return await self._forgotten({_bytes(tag): b"" for tag in tags})

    async def tagged(self, room: str, tag: str, *, context: Context) -> Sequence[bytes]:
        """The keys of a room's entries that have a tag, the oldest first."""
        keys: list[bytes] = []
        after = b"-inf"
        while after:
            ((after, *found),) = await self._short.do(self._call("tagged", _bytes(tag), _word(room), after))
            keys += found
        return keys

    async def clear(self, rooms: Sequence[str] = (), *, context: Context) -> int:
        """Removes everything from these rooms, or from all. From the first moment on nothing of it is found."""
        words = [_word(room) for room in dict.fromkeys(rooms)]
        (bound,) = await self._long.do(self._call("clear", *words))
        if words:
            return sum([await self._swept(self._pattern("entry", word), bound) for word in words])
        gone = await self._swept(self._pattern("entry"), bound)
        await self._clear_tags(bound)
        return gone

    async def claim(self, key: bytes, *, owner: str, seconds: float, context: Context) -> Lease | None:
        """Takes a key, or holds it longer."""
        (fence,) = await self._short.do(self._call("claim", key, _bytes(owner), repr(float(seconds))))
        return None if fence is None else Lease(key, owner, int(fence))

    async def release(self, lease: Lease, *, context: Context) -> None:
        """Gives a key back."""
        await self._short.do(self._call("release", lease.key, lease.fence))

    async def count(self, figures: Mapping[str, int], *, context: Context) -> None:
        """Adds to figures by name."""
        await self._short.do(*(("HINCRBY", self._key("figures"), _bytes(name), by) for name, by in figures.items()))

    async def stats(self, *, context: Context) -> Stats:
        """What it holds, and what was counted.

        Entries and bytes are exact up to 100,000 keys in this Redis; beyond, they are estimated from so many of them,
        and given to three digits.
        """
        entries, size = Counter[str](), Counter[str]()
        keys, figures, page = await self._long.do(
            ("DBSIZE",), ("HGETALL", self._key("figures")), self._call("census", b"0")
        )
        looked = 0
        while True:
            cursor, number, *rows = page
            looked += number
            for room, some, length in zip(rows[::3], rows[1::3], rows[2::3], strict=True):
                entries[unquote(_text(room))] += some
                size[unquote(_text(room))] += int(length)
            if cursor == b"0" or looked >= SAMPLE:
                break
            (page,) = await self._long.do(self._call("census", cursor))
        share = 1.0 if cursor == b"0" else max(1.0, keys / looked)
        counted = {_text(name): int(figure) for name, figure in figures.items()}
        return Stats(entries=_estimated(entries, share), size=_estimated(size, share), figures=counted)

    async def close(self) -> None:
        """Closes the connections, when all that waits is sent."""
        await asyncio.gather(self._short.close(), self._long.close())

    # ── Portion by portion ────────────────────────────────────────────────────────────────────────────────────────────

    async def _forgotten(self, waiting: dict[bytes, bytes]) -> int:
        """How many entries went with these tags. With each stands the order up to which it is forgotten, once known."""
        gone = 0
        while waiting:
            now = dict(list(waiting.items())[:TAGS])
            replies = await self._long.do(*(self._call("forget", tag, bound) for tag, bound in now.items()))
            for tag, (bound, some, more) in zip(now, replies, strict=True):
                gone += some
                waiting[tag] = bound
                if not more:
                    del waiting[tag]
        return gone

    async def _swept(self, pattern: bytes, bound: bytes) -> int:
        """How many entries with such names went, of those up to an order."""
        gone, cursor = 0, b""
        while cursor != b"0":
            ((cursor, some),) = await self._long.do(self._call("sweep", pattern, cursor or b"0", bound))
            gone += some
        return gone

    async def _clear_tags(self, bound: bytes) -> None:
        """Removes from every set of tags what is cleared."""
        begun, cursor = len(self._key("tag", b"")), 0
        while True:
            asked = ("SCAN", cursor, "MATCH", self._pattern("tag"), "COUNT", PORTION)
            ((cursor, names),) = await self._long.do(asked)
            await self._forgotten({name[begun:]: bound for name in names})
            if int(cursor) == 0:
                return

    # ── Names ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _call(self, verb: str, *arguments: str | bytes | int) -> Command:
        now = f"{self.clock():.6f}" if self.clock else ""
        return SCRIPT.call(self._prefix, verb, now, *arguments)

    def _key(self, *parts: str | bytes) -> bytes:
        return b":".join(_bytes(part) for part in (self._prefix, *parts))

    def _member(self, room: str, key: bytes) -> bytes:
        return b"%b:%b" % (_bytes(_word(room)), key)

    def _pattern(self, *parts: str) -> bytes:
        """What SCAN finds all keys with that begin so."""
        begun = self._key(*parts).decode()
        return _bytes("".join(f"\\{sign}" if sign in "*?[]\\" else sign for sign in begun)) + b":*"


def _word(room: str) -> str:
    """A room without a colon."""
    return quote(room, safe="")


def _bytes(word: str | bytes) -> bytes:
    return word if isinstance(word, bytes) else word.encode("utf-8", "surrogatepass")


def _text(word: bytes) -> str:
    return word.decode("utf-8", "surrogatepass")


def _found(raw: bytes, now: float, void: int) -> Found | None:
    """An entry, unless another format has written it, its time is over, or it was cleared."""
    if len(raw) < HEAD.size or raw[0] != FORMAT:
        return None
    _, order, made, until = HEAD.unpack_from(raw)
    if order <= void or not made <= now < until:
        return None
    return Found(raw[HEAD.size :], made, None if until == float("inf") else until)


def _estimated(counted: Mapping[str, int], share: float) -> dict[str, int]:
    if share == 1:
        return dict(counted)
    return {name: int(float(f"{number * share:.3g}")) for name, number in counted.items()}


def _translated(trouble: Trouble) -> CacheUnavailable:
    said, hint, reason = TROUBLES[trouble.kind]
    return CacheUnavailable(said.format(trouble.words), where=trouble.where, hint=hint, reason=reason)
