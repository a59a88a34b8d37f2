"""What connectors to servers of models have in common: an address with its key, refusals, and waits."""

from __future__ import annotations

import asyncio
import email.utils
import math
import re
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Generic, Protocol, TypeAlias, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, SecretStr

from ragstone.errors import ConfigError, ModelError
from ragstone.types import Context
from ragstone.usage import Usage, count

__all__ = [
    "LONGEST_WAIT",
    "Address",
    "Client",
    "Count",
    "characters",
    "charged",
    "demand",
    "if_fields",
    "marked",
    "refused",
    "retry_after",
    "retryable",
]


class _Closes(Protocol):
    async def close(self) -> None: ...


C = TypeVar("C", bound=_Closes)

LONGEST_WAIT = 3600.0
"""Seconds. A server that asks to be left alone for longer is asked again after that: its clock may be wrong."""

Count: TypeAlias = Annotated[int | None, BeforeValidator(count)]
"""A number of tokens in a reply; None where that is no number: an answer is not lost to how it was counted."""

LEAST_OF_A_KEY = 8  # characters: its first ones alone give nothing away
LONGEST_WORDS = 300  # characters of a server's own words in a message
LONGEST_MARK = 512  # characters of a request's id: as many as OpenAI takes

_BUSY = frozenset({408, 409, 425, 429})  # statuses below 500 that may pass
_FOR_GOOD = frozenset({501, 503})  # and those from 500 that do not pass at once; a full vLLM says 503

_SPAN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_EPOCH = 1e9  # a number above it is no span: it is a moment, in seconds since 1970


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, and the key that it asks for; neither the key nor a password is ever shown.

    >>> Address.of("http://ana:secret@gpu:8000/v1", "sk-1")
    Address(http://gpu:8000/v1)
    """

    url: str
    key: SecretStr

    @classmethod
    def of(cls, url: str, key: str) -> Address:
        """Raises ConfigError for what is no address, and for what no key looks like."""
        made = cls(url.strip(), SecretStr(key.strip()))
        if not made.url.startswith(("http://", "https://")) or not made.host:
            # What was found is not said: it may be a key that was put into the wrong line.
            raise ConfigError("base_url is no address", expected="such as http://localhost:8000/v1")
        secret = made.secret
        if not (secret.isascii() and secret.isprintable()) or " " in secret:
            raise ConfigError("api_key holds a character that no key holds", hint="Was something else pasted there?")
        return made

    def __repr__(self) -> str:
        return f"Address({self.shown})"

    @property
    def host(self) -> str:
        """The name of the machine; "" where there is none."""
        try:
            return urlsplit(self.url).hostname or ""
        except ValueError:
            return ""

    @property
    def secret(self) -> str:
        """The key itself, "" for none: for the client alone."""
        return self.key.get_secret_value()

    @property
    def shown(self) -> str:
        """The address without a password that may stand in it."""
        scheme, separator, rest = self.url.rpartition("://")
        return f"{scheme}{separator}{rest.rpartition('@')[2]}"

    def clean(self, words: str) -> str:
        """A server's words on one line, without the key or its beginning, and without what a terminal would obey."""
        for length in range(len(self.secret), min(len(self.secret), LEAST_OF_A_KEY) - 1, -1):
            if length and self.secret[:length] in words:
                words = words.replace(self.secret[:length], "[key]")
                break
        line = " ".join(words.split())
        line = "".join(letter if letter.isprintable() else "\ufffd" for letter in line[: LONGEST_WORDS + 1])
        return line if len(line) <= LONGEST_WORDS else line[:LONGEST_WORDS] + "…"


def demand(**numbers: float | None) -> None:
    """Raises ConfigError for a number that is not above 0, by the name of its key. None is no number."""
    for name, number in numbers.items():
        if number is not None and not (math.isfinite(number) and number > 0):
            raise ConfigError(f"{name} is out of range", expected="a number above 0", found=f"{number:g}")


def if_fields(given: object) -> object:
    """What holds fields; None in place of anything else, where an answer counts without it."""
    return cast("object", given) if isinstance(given, Mapping | BaseModel) else None


def characters(text: str) -> str:
    """The text as it can be written down: two halves of a character joined, and one that is alone replaced."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def retryable(status: int) -> bool:
    """Whether the same server may answer the same request, sent once more at once."""
    return status in _BUSY or (status >= 500 and status not in _FOR_GOOD)


def refused(status: int) -> bool:
    """Whether a status means that the request itself is wrong."""
    return 400 <= status < 500 and status not in _BUSY


def retry_after(headers: Mapping[str, str], *, clock: Callable[[], float] = time.time) -> float | None:
    """The seconds for which a server asks to be left alone, at most LONGEST_WAIT; None where it does not say.

    It says so in `retry-after-ms`, in `Retry-After` (seconds, or a date: RFC 9110, 10.2.3), or, where a limit is
    reached, in `x-ratelimit-reset-requests` and `-tokens`, as OpenAI (`6m0s`) and Azure (`12`) do.
    """
    waits = (_milliseconds(headers), _seconds(headers.get("retry-after", ""), clock), _reset(headers, clock))
    wait = next((wait for wait in waits if wait is not None), None)
    return None if wait is None else min(max(0.0, wait), LONGEST_WAIT)


def marked(context: Context) -> dict[str, str]:
    """The header by which the server's log can be held against ours; none for an id that no header may hold."""
    mark = context.request
    sendable = mark.isascii() and mark.isprintable() and len(mark) <= LONGEST_MARK
    return {"X-Request-Id": mark} if mark and sendable else {}


@contextmanager
def charged(usage: Callable[[], Usage | None]) -> Generator[None]:
    """Has a ModelError carry what the call took nevertheless, as `ModelError.usage` has it: its server charges it."""
    try:
        yield
    except ModelError as error:
        error.usage = error.usage or usage()
        raise


def _milliseconds(headers: Mapping[str, str]) -> float | None:
    number = _number(headers.get("retry-after-ms", ""))
    return None if number is None else number / 1000


def _seconds(said: str, clock: Callable[[], float]) -> float | None:
    number = _number(said)
    if number is not None:
        return number
    try:
        return email.utils.parsedate_to_datetime(said).timestamp() - clock()
    except (ValueError, OverflowError):
        return None


def _reset(headers: Mapping[str, str], clock: Callable[[], float]) -> float | None:
    """Until all limits that are reached have room again."""
    waits = [
        _span(headers.get(f"x-ratelimit-reset-{limit}", ""), clock)
        for limit in ("requests", "tokens")
        if _number(headers.get(f"x-ratelimit-remaining-{limit}", "")) == 0
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def _span(said: str, clock: Callable[[], float]) -> float | None:
    number = _number(said)
    if number is not None:
        return number - clock() if number > _EPOCH else number
    found = _SPAN.fullmatch(said.strip())
    if not found or not any(found.groups()):
        return None
    units = (86400.0, 3600.0, 60.0, 1.0, 0.001)
    return sum(float(part) * unit for part, unit in zip(found.groups(), units, strict=True) if part)


def _number(said: str) -> float | None:
    try:
        number = float(said)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


class Client(Generic[C]):
    """The client of a vendor's SDK. To import that and to make it takes most of a second, and a thread."""

    def __init__(self, make: Callable[[], C]) -> None:
        self._make = make
        self._made: C | None = None
        self._starting = asyncio.Lock()

    async def get(self) -> C:
        """The client, made when it is first asked for."""
        async with self._starting:
            if self._made is not None:
                return self._made
            making = asyncio.ensure_future(asyncio.to_thread(self._make))
            try:
                self._made = made = await asyncio.shield(making)
            except asyncio.CancelledError:
                self._made = await making  # a thread is not broken off, and what it makes is to be closed
                raise
            return made

    async def close(self) -> None:
        """Closes its connections. It is made anew when it is needed again."""
        made, self._made = self._made, None
        if made is not None:
            await made.close()
