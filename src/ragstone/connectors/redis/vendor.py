"""The connection to Redis: whatever waits is sent in one go, and what goes wrong is told apart."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any, Literal, TypeAlias, cast
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from ragstone.errors import ConfigError, MissingExtra, NotConfigured, RagstoneError
from ragstone.state.grouped import Grouped

__all__ = ["Command", "Kind", "Script", "Server", "Trouble", "begun_with"]

CONNECTING = 2.0  # seconds
SCHEMES = ("redis", "rediss", "unix")

Command: TypeAlias = Sequence[str | bytes | float]
"""The words of one command, `("GET", b"key")`."""

Kind: TypeAlias = Literal["away", "slow", "denied", "full", "other"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why Redis did not do something, in its own `words` without the password. `where` is its address."""

    kind: Kind
    words: str
    where: str


@dataclass(frozen=True)
class Script:
    """What happens inside Redis in one step: a file beside this one."""

    file: str

    @cached_property
    def text(self) -> str:
        """What it says."""
        return files("ragstone.connectors.redis").joinpath(self.file).read_text(encoding="utf-8")

    @cached_property
    def sha(self) -> str:
        """By which Redis knows it."""
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def call(self, *arguments: str | bytes | float) -> Command:
        """The command that runs it. The first argument is the one key that it names."""
        return ("EVALSHA", self.sha, 1, *arguments)


class Server:
    """A Redis by its URL, with a thread of its own that asks it. It connects when first asked, and after every break.

    `translated` makes the error that a caller gets. Replies are bytes, or texts with `text`. After a break, whatever
    was sent is sent again, `retries` times, on a new connection each.
    """

    def __init__(
        self,
        url: str,
        script: Script,
        *,
        name: str,
        translated: Callable[[Trouble], RagstoneError],
        text: bool,
        answering: float,
        retries: int = 0,
    ) -> None:
        if not url.strip():
            raise NotConfigured("no url is set")
        self._url, self.label = SecretStr(url.strip()), _label(url.strip())
        self._script, self._translated = script, translated
        self._text, self._answering, self._retries = text, answering, retries
        self._thread = Grouped[Sequence[Command]](self._done, name=name)
        self._cut = False  # whether what waits is broken off
        self._client: Any = None  # redis.Redis, whose methods have no types that say anything

    async def do(self, *commands: Command) -> list[Any]:
        """What Redis replies to each, in order, in one round trip with whatever else waits. Raises the first error."""
        return await self._thread.do(commands) if commands else []

    async def close(self) -> None:
        """Closes the connection, when all that waits is sent. The next call opens a new one.

        Who cancels this breaks off what waits: a thread that waits for a server would hold up the end of the process.
        """
        try:
            await asyncio.to_thread(self._closed)
        except asyncio.CancelledError:
            self._cut = True
            if (client := self._client) is not None:
                client.connection_pool.disconnect(inuse_connections=True)
            raise

    # ── On threads ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _done(self, items: Sequence[Sequence[Command]]) -> list[Any]:
        """The replies to each caller's commands, or the error that is its outcome."""
        try:
            replies = iter(self._sent([command for commands in items for command in commands]))
        except Exception as error:
            return [self._told(error) for _ in items]
        outcomes: list[Any] = []
        for commands in items:
            own = [next(replies) for _ in commands]
            broken = next((reply for reply in own if isinstance(reply, Exception)), None)
            outcomes.append(own if broken is None else self._told(broken))
        return outcomes

    def _sent(self, commands: Sequence[Command]) -> list[Any]:
        """What Redis replies to each, or its error. All are sent at once, and done in order."""
        import redis
        from redis.exceptions import NoScriptError

        if self._cut:
            raise redis.ConnectionError("the connection was closed")
        client = self._connected()
        replies = _piped(client, commands)
        again = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if again:  # Redis was started anew, or has lost it; what was done counts once
            _, *later = _piped(client, [("SCRIPT LOAD", self._script.text), *(commands[at] for at in again)])
            for at, reply in zip(again, later, strict=True):
                replies[at] = reply
        return replies

    def _closed(self) -> None:
        self._thread.close()
        self._cut = False
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connected(self) -> Any:
        import redis
        from redis.backoff import ExponentialBackoff
        from redis.retry import Retry

        if self._client is None:
            made = cast("Any", redis.Redis)
            try:
                client = made.from_url(
                    self._url.get_secret_value(),
                    socket_connect_timeout=CONNECTING,
                    socket_timeout=self._answering,
                    retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), self._retries),
                    retry_on_error=[redis.ConnectionError, redis.TimeoutError],
                )
                client.connection_pool.connection_kwargs["decode_responses"] = self._text  # whatever the URL says
                client.connection_pool.make_connection()  # which does not connect, and reads what follows a `?`
            except (TypeError, ValueError) as error:
                expected = "nothing behind it, or settings of redis-py, such as ?db=1"
                said = self._clean(str(error))
                raise ConfigError(f"url cannot be used: {said}", where=self.label, expected=expected) from None
            self._client = client
        return self._client

    # ── What goes wrong ───────────────────────────────────────────────────────────────────────────────────────────────

    def _told(self, error: Exception) -> RagstoneError:
        if isinstance(error, RagstoneError):
            return error
        import redis

        if not isinstance(error, redis.RedisError | OSError):
            raise error  # a fault of ours
        words = self._clean(str(error)) or type(error).__name__
        return self._translated(Trouble(_kind(error, words), words, self.label))

    def _clean(self, words: str) -> str:
        """On one line, without the password."""
        line = " ".join(words.split()).rstrip(".")
        secret = urlsplit(self._url.get_secret_value()).password or ""
        for said in {secret, unquote(secret)} - {""}:
            line = line.replace(said, "[password]")
        return line


def begun_with(prefix: str, *, what: str) -> str:
    """The beginning of all keys: in braces, so that a cluster keeps them together. Raises MissingExtra, ConfigError."""
    if importlib.util.find_spec("redis") is None:
        raise MissingExtra(f"{what} needs the package 'redis'", hint="Run: pip install 'ragstone[redis]'")
    if not prefix or not prefix.isprintable() or set(prefix) & set("{} "):
        raise ConfigError("prefix cannot begin the name of a key", expected="a word without braces", found=prefix)
    return f"{{{prefix}}}"


def _piped(client: Any, commands: Sequence[Command]) -> list[Any]:
    pipe = client.pipeline(transaction=False)
    for command in commands:
        pipe.execute_command(*command)
    return pipe.execute(raise_on_error=False)


def _kind(error: Exception, words: str) -> Kind:
    import redis
    from redis.exceptions import NoPermissionError, OutOfMemoryError

    refused = words.startswith(("NOAUTH", "WRONGPASS", "NOPERM")) or "ACL failure" in words
    if refused or isinstance(error, redis.AuthenticationError | NoPermissionError):
        return "denied"
    if isinstance(error, OutOfMemoryError):
        return "full"
    if isinstance(error, redis.TimeoutError | TimeoutError):
        return "slow"
    return "away" if isinstance(error, redis.ConnectionError | OSError) else "other"


def _label(url: str) -> str:
    """Where it is, without user and password. Raises ConfigError for what is no address, which is not shown."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    odd = "@" in f"{parts.path}{parts.query}{parts.fragment}"
    if parts.scheme not in SCHEMES or odd or (parts.scheme != "unix" and not parts.hostname):
        raise ConfigError(
            "url is no address of Redis",
            expected="such as redis://:password@127.0.0.1:6379/0",
            hint="Of a password write / as %2F, # as %23, ? as %3F and @ as %40.",
        )
    if parts.scheme == "unix":
        return f"unix://{parts.path}"
    return f"{parts.scheme}://{parts.hostname}:{port or 6379}{parts.path}"
