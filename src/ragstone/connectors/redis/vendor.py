"""The connection to Redis: one script, called for whatever waits in one go, and Redis' errors as ours."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from ragstone.errors import ConfigError, LedgerUnavailable, NotConfigured, RagstoneError, StateError, StorageFull

__all__ = ["Server"]

CONNECTING, ANSWERING = 2.0, 5.0  # seconds
RETRIES = 2  # on a new connection each: every call counts once, however often it is sent
SCHEMES = ("redis", "rediss", "unix")


class Server:
    """A Redis by its URL. It connects when it is first asked, and anew after every break. Its methods block."""

    def __init__(self, url: str) -> None:
        if not url.strip():
            raise NotConfigured("no url is set")
        self._url, self.label = SecretStr(url.strip()), _label(url.strip())
        self._lock = threading.Lock()
        self._client: Any = None  # redis.Redis, whose methods have no types that say anything
        self._sha = ""

    def run(self, script: str, calls: Sequence[Sequence[str]]) -> list[Any]:
        """What the script replies to each call, or the error of it. All are sent at once, and done in order."""
        try:
            return self._run(script, calls)
        except Exception as error:
            return [self._translated(error) for _ in calls]

    def ask(self, commands: Iterable[Sequence[str | float]]) -> list[Any]:
        """What Redis replies to each. Raises LedgerUnavailable where it cannot be reached."""
        try:
            pipe = self._connected().pipeline(transaction=False)
            for command in commands:
                pipe.execute_command(*command)
            return pipe.execute()
        except Exception as error:
            raise self._translated(error) from error

    def close(self) -> None:
        """Closes the connections. The next call opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _run(self, script: str, calls: Sequence[Sequence[str]]) -> list[Any]:
        from redis.exceptions import NoScriptError, RedisError

        client = self._connected()
        replies: list[Any] = []
        for _ in range(2):
            self._sha = self._sha or str(client.script_load(script))
            pipe = client.pipeline(transaction=False)
            for call in calls:
                pipe.execute_command("EVALSHA", self._sha, 1, *call)
            replies = pipe.execute(raise_on_error=False)
            if not any(isinstance(reply, NoScriptError) for reply in replies):
                break
            self._sha = ""  # Redis was started anew, or has lost it; what was done counts once
        return [self._translated(reply) if isinstance(reply, RedisError) else reply for reply in replies]

    def _connected(self) -> Any:
        import redis
        from redis.backoff import ExponentialBackoff
        from redis.retry import Retry

        with self._lock:
            if self._client is None:
                made = cast("Any", redis.Redis)
                try:
                    client = made.from_url(
                        self._url.get_secret_value(),
                        decode_responses=True,
                        socket_connect_timeout=CONNECTING,
                        socket_timeout=ANSWERING,
                        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), RETRIES),
                        retry_on_error=[redis.ConnectionError, redis.TimeoutError],
                    )
                    client.connection_pool.make_connection()  # which does not connect, and reads what follows a `?`
                except (TypeError, ValueError) as error:
                    expected = "nothing behind it, or settings of redis-py, such as ?db=1"
                    said = self._clean(str(error))
                    raise ConfigError(f"url cannot be used: {said}", where=self.label, expected=expected) from None
                self._client = client
            return self._client

    def _translated(self, error: Exception) -> RagstoneError:
        if isinstance(error, RagstoneError):
            return error
        import redis
        from redis.exceptions import OutOfMemoryError

        words = self._clean(str(error))
        if isinstance(error, redis.AuthenticationError) or words.startswith(("NOAUTH", "WRONGPASS", "NOPERM")):
            return StateError(
                "Redis refused the user or the password, or what they may do", where=self.label, hint="See its ACL."
            )
        if isinstance(error, OutOfMemoryError):
            return StorageFull("Redis is full", where=self.label, hint="Raise its maxmemory, or free some.")
        if isinstance(error, redis.ConnectionError | redis.TimeoutError | OSError):
            hint = "Is Redis running? Calls with a budget or a limit wait for it."
            return LedgerUnavailable(f"Redis cannot be reached: {words}", where=self.label, hint=hint, again=False)
        if isinstance(error, redis.RedisError):
            return StateError(f"Redis cannot keep the ledger: {words}", where=self.label)
        raise error

    def _clean(self, words: str) -> str:
        """On one line, without the password."""
        line = " ".join(words.split())
        secret = urlsplit(self._url.get_secret_value()).password or ""
        for said in {secret, unquote(secret)} - {""}:
            line = line.replace(said, "[password]")
        return line


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
