"""`keys.db`: who may ask over HTTP. It holds digests, so that whoever reads it can use none of the keys.

    rgs_3f9a0c1d2e4b5a67_Zk0…     the name by which it is found (64 bits), and the secret by which it is believed (256)

Nobody can try 2²⁵⁶ secrets, so their digest is a plain SHA-256: a slow hash is for passwords, which people choose.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from ragstone.callers import Payer
from ragstone.errors import AccessDenied, RateLimited, UsageError, nearest
from ragstone.spending import WINDOW
from ragstone.state.precious import PreciousFile
from ragstone.terms import Budget, Limit, Period, Terms
from ragstone.usage import NANO

__all__ = ["Grant", "Key", "KeyFile"]

log = logging.getLogger("ragstone")

FORMAT = 1
NAME = re.compile(r"[\w][\w .@+-]{0,99}")
TOKEN = re.compile(r"rgs_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
WORDS = 200  # characters of a tenant or a principal
MOST = 1_000_000_000  # requests or tokens a minute
DEAREST = 1_000_000.0  # USD
UNKNOWN = bytes(32)  # compared with where there is no such key, so that both take as long

SCHEMA = """
CREATE TABLE keys (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, tenant TEXT NOT NULL, principals TEXT NOT NULL, admin INTEGER NOT NULL,
  requests INTEGER, tokens INTEGER, usd REAL, period TEXT NOT NULL, expires REAL, created REAL NOT NULL, revoked REAL,
  digest BLOB NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX keys_by_name ON keys (name) WHERE revoked IS NULL;
CREATE TABLE requests (
  id TEXT NOT NULL, second INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (id, second)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a key allows: whose documents, and how much. Raises UsageError for what is no grant.

    `requests` and `tokens` are those of a minute, the latter of models; `usd` is a budget of each `period`. A key with
    `admin` may ask for any tenant and any principals, and change what the service holds.
    """

    name: str
    tenant: str = "default"
    principals: tuple[str, ...] = ()
    admin: bool = False
    requests: int | None = None
    tokens: int | None = None
    usd: float | None = None
    period: Period = "month"
    expires: float | None = None  # seconds from the epoch

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            expected = "up to 100 letters, digits, spaces and . @ + - _"
            raise UsageError("the name of the key is wrong", expected=expected, found=repr(self.name)[:80])
        for kind, one in (("tenant", self.tenant), *(("principal", each) for each in self.principals)):
            if not 0 < len(one) <= WORDS or not one.isprintable():
                raise UsageError(
                    f"the {kind} is wrong", expected=f"a name of 1 to {WORDS} characters", found=repr(one)[:80]
                )
        for kind, number in (("requests", self.requests), ("tokens", self.tokens)):
            if number is not None and not 1 <= number <= MOST:
                raise UsageError(
                    f"the limit of {kind} is wrong", expected=f"1 to {MOST:,} a minute", found=repr(number)
                )
        if self.usd is not None and not 0 <= self.usd <= DEAREST:
            raise UsageError("the budget is wrong", expected=f"0 to {DEAREST:,.0f} USD", found=repr(self.usd))
        if self.period not in ("day", "month"):
            raise UsageError("the period of the budget is wrong", expected="day or month", found=repr(self.period))


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(Grant):
    """A key without its secret. Times count seconds from the epoch."""

    id: str
    created: float
    revoked: float | None = None

    @property
    def payer(self) -> Payer:
        """Whom the ledger counts its calls for, and within which limits."""
        limits = () if self.tokens is None else (Limit(number=self.tokens, of="tokens", per="key"),)
        budgets = () if self.usd is None else (Budget(nano=round(self.usd * NANO), period=self.period, per="key"),)
        return Payer(key=self.name, terms=Terms(budgets=budgets, limits=limits))

    def state(self, now: float) -> str:
        """`active`, `revoked` or `expired`."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "active"

    def as_dict(self) -> dict[str, Any]:
        """The key as `ragstone key list --json` prints it."""
        return {**asdict(self), "principals": list(self.principals)}


_COLUMNS = tuple(field.name for field in fields(Key))


class KeyFile:
    """Keys in a file, or in memory without one. Its methods block, and raise StateError.

    `clock` counts seconds from the epoch.
    """

    def __init__(self, path: Path | None, *, clock: Callable[[], float] = time.time) -> None:
        self.path, self._clock = path, clock
        instead = " and make new keys"
        self._file = PreciousFile(path, SCHEMA, version=FORMAT, noun="keys", instead=instead, private=True)

    def create(self, grant: Grant) -> tuple[Key, str]:
        """A new key, and what its bearer has to send. It is told this once: only its digest is kept.

        Raises UsageError where another key of that name is in use, or where it would have expired already.
        """
        now, secret = self._clock(), secrets.token_urlsafe(32)
        if grant.expires is not None and grant.expires <= now:
            raise UsageError("the key would have expired already", expected="a time to come")
        key = Key(id=secrets.token_hex(8), created=now, **asdict(grant))
        row = {**key.as_dict(), "principals": json.dumps(key.principals), "digest": _digest(secret)}
        marks = ",".join(f":{name}" for name in row)
        with self._file.writing() as db:
            if db.execute("SELECT 1 FROM keys WHERE name = ? AND revoked IS NULL", (key.name,)).fetchone():
                hint = "Choose another name, or revoke that key first."
                raise UsageError(f"there is a key {key.name!r} already", hint=hint)
            db.execute(f"INSERT INTO keys ({','.join(row)}) VALUES ({marks})", row)
        return key, f"rgs_{key.id}_{secret}"

    def all(self) -> list[Key]:
        """Every key, also those that count no longer, the newest first."""
        if self._file.empty:
            return []
        with self._file.reading() as db:
            rows = db.execute(f"SELECT {','.join(_COLUMNS)} FROM keys ORDER BY created DESC, id").fetchall()
        return [_key(row) for row in rows]

    def exist(self) -> bool:
        """Whether a key was ever made. A door that was shut once stays shut, also when every key is revoked."""
        if self._file.empty:
            return False
        with self._file.reading() as db:
            return db.execute("SELECT 1 FROM keys LIMIT 1").fetchone() is not None

    def revoke(self, name: str) -> Key:
        """Ends a key, by its name or id, from the next request on. Raises UsageError where no such key is in use."""
        active = [key for key in self.all() if key.revoked is None]
        found = next((key for key in active if name in (key.name, key.id)), None)
        if found is None:
            hint = nearest(name, [key.name for key in active]) or "Run: ragstone key list"
            raise UsageError(f"there is no key {name[:80]!r} in use", hint=hint)
        now = self._clock()
        with self._file.writing() as db:
            db.execute("UPDATE keys SET revoked = ? WHERE id = ? AND revoked IS NULL", (now, found.id))
            db.execute("DELETE FROM requests WHERE id = ?", (found.id,))
        return replace(found, revoked=now)

    def admit(self, token: str) -> Key:
        """The key that a bearer has sent, one request taken off its limit.

        Raises AccessDenied for one that is unknown, revoked or expired, and RateLimited where the minute is full. The
        first says no more than that, unless the secret was right.
        """
        parts = TOKEN.fullmatch(token)
        if parts is None or self._file.empty:
            raise _denied("the key is not known")
        with self._file.reading() as db:
            wanted = f"SELECT {','.join(_COLUMNS)}, digest FROM keys WHERE id = ?"
            row = db.execute(wanted, (parts[1],)).fetchone()
        right = hmac.compare_digest(_digest(parts[2]), UNKNOWN if row is None else row[-1])
        if row is None or not right:
            raise _denied("the key is not known")
        key, now = _key(row[:-1]), self._clock()
        if (state := key.state(now)) != "active":
            log.info("the key %s was used and is %s", key.id, state)
            raise _denied(f"the key {key.name!r} is {state}")
        if key.requests is not None:
            self._take(key, key.requests, now)
        return key

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        self._file.close()

    def _take(self, key: Key, most: int, now: float) -> None:
        """Takes one request off the minute. Those of all processes on this file count together."""
        here = int(now)
        with self._file.writing() as db:
            # After a clock was put back, what lies ahead of it counts as taken now: else it would count for hours.
            db.execute("UPDATE OR REPLACE requests SET second = ? WHERE id = ? AND second > ?", (here, key.id, here))
            db.execute("DELETE FROM requests WHERE id = ? AND second < ?", (key.id, here - WINDOW))
            taken = db.execute("SELECT second, number FROM requests WHERE id = ? ORDER BY second", (key.id,)).fetchall()
            full = sum(number for _, number in taken) >= most
            if not full:
                added = "INSERT INTO requests VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET number = number + 1"
                db.execute(added, (key.id, here))
        if full:  # said only now, so that what was written stays
            wait = max(1.0, taken[0][0] + WINDOW + 1 - now)
            raise RateLimited(f"{most:,} requests a minute of key {key.name!r} are the limit", retry_after=wait)


def _denied(message: str) -> AccessDenied:
    return AccessDenied(message, hint="Send `Authorization: Bearer rgs_…` with a key of `ragstone key create`.")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(b"ragstone key " + secret.encode()).digest()


def _key(row: tuple[Any, ...]) -> Key:
    values: dict[str, Any] = dict(zip(_COLUMNS, row, strict=True))
    values |= {"principals": tuple(json.loads(values["principals"])), "admin": bool(values["admin"])}
    return Key(**values)
