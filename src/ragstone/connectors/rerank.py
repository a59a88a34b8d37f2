"""Any server that reranks over HTTP: vLLM, Jina, Cohere, Text Embeddings Inference.

    kind: reranker
    type: rerank
    base_url: http://localhost:8000/v1      # https://api.cohere.com/v2, https://api.jina.ai/v1
    model: BAAI/bge-reranker-v2-m3
    api_key: ${env:RERANK_API_KEY}
    options: {truncate_prompt_tokens: -1}   # sent with each request as they stand

Requests go to `<base_url>/rerank`. It needs httpx: `pip install 'ragstone[rerank]'`.
"""

from __future__ import annotations

import asyncio
import email.utils
import importlib.util
import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from ragstone.errors import (
    ConfigError,
    MissingExtra,
    ModelDenied,
    ModelError,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    NotConfigured,
)
from ragstone.protocols import Capabilities, Reranker
from ragstone.together import together
from ragstone.types import Context

if TYPE_CHECKING:
    import httpx

__all__ = ["RerankServer"]

AT_ONCE = 4  # requests of one call on their way
BUSY = (408, 409, 425, 429)
"""Statuses below 500 that may pass."""

FIRST_WAIT = 0.25  # seconds before the second try, doubled before each other one
LONGEST_WAIT = 10.0  # seconds; a server that wants more is said to be away
LONGEST_WORDS = 300  # characters of a server's own words in a message


class _Result(BaseModel):
    index: int
    relevance_score: float | None = None  # the name that all but one give it
    score: float | None = None


class _Reply(BaseModel):
    results: list[_Result]


_REPLY: TypeAdapter[_Reply | list[_Result]] = TypeAdapter(_Reply | list[_Result])


class RerankServer(Reranker):
    """A reranker behind a server.

    `batch` are the texts of one request: scores of one model can be compared across requests. `timeout` are the seconds
    that the server may stay silent, `retries` the tries after the first one; the deadline of the call ends both.
    `options` are keys of the server's own.
    """

    def __init__(
        self,
        base_url: str = "",
        model: str = "",
        api_key: str = "",
        local: bool = False,
        batch: int = 32,
        timeout: float = 30,
        retries: int = 2,
        options: dict[str, Any] | None = None,
    ) -> None:
        if not base_url.strip():
            raise NotConfigured("no base_url is set")
        _check(base_url.strip(), api_key.strip(), batch, timeout, retries)
        if importlib.util.find_spec("httpx") is None:
            raise MissingExtra("this reranker needs the package 'httpx'", hint="Run: pip install 'ragstone[rerank]'")
        self._url, self._model = base_url.strip().rstrip("/").removesuffix("/rerank"), model.strip()
        self._key, self._options = SecretStr(api_key.strip()), options or {}
        self._batch, self._timeout, self._retries = batch, timeout, retries
        self._texts = "documents"  # what the server calls them
        self._client: httpx.AsyncClient | None = None
        self._starting = asyncio.Lock()
        self.capabilities = Capabilities(local=local)

    async def load(self) -> None:
        """Makes the client: its certificates take a moment to read."""
        async with self._starting:
            if self._client is None:
                self._client = await asyncio.to_thread(self._connected)

    async def close(self) -> None:
        """Closes the connections. A later call opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def scores(self, question: str, texts: Sequence[str], *, context: Context) -> Sequence[float]:
        """The server's number for each text. Raises a ModelError; no text is left without a score."""
        parts = [texts[begin : begin + self._batch] for begin in range(0, len(texts), self._batch)]
        await self.load()
        room = asyncio.Semaphore(AT_ONCE)
        try:
            async with asyncio.timeout(context.remaining()):
                found = await together(self._part(question, part, room, context) for part in parts)
        except TimeoutError as error:
            raise ModelTimeout("the time for this call was over before it had answered", where=self._where) from error
        return [score for scores in found for score in scores]

    # ── Asking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _connected(self) -> httpx.AsyncClient:
        import httpx

        key = self._key.get_secret_value()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = httpx.Timeout(self._timeout, pool=None)
        return httpx.AsyncClient(timeout=timeout, headers=headers, trust_env=False)

    async def _part(
        self, question: str, texts: Sequence[str], room: asyncio.Semaphore, context: Context
    ) -> list[float]:
        async with room:
            named = self._texts
            response = await self._asked(self._request(question, texts), context)
            if response.status_code == 422 and named == self._texts == "documents" and "`texts`" in response.text:
                self._texts = "texts"  # Text Embeddings Inference says so in its own words, once
            if named != self._texts:
                response = await self._asked(self._request(question, texts), context)
        if response.status_code != 200:
            raise self._refused(response)
        return self._read(response, len(texts))

    def _request(self, question: str, texts: Sequence[str]) -> dict[str, Any]:
        if self._texts == "texts":
            return {"query": question, "texts": list(texts), "truncate": True, **self._options}
        named = {"model": self._model} if self._model else {}
        return {**named, "query": question, "documents": list(texts), "top_n": len(texts), **self._options}

    async def _asked(self, body: Mapping[str, Any], context: Context) -> httpx.Response:
        """The first reply that is no excuse, or the last. Raises ModelUnavailable where there is none."""
        tried = 0
        while True:
            found = await self._posted(body)
            wait = _wait(found, tried)
            if wait is None or tried == self._retries or not _in_time(wait, context):
                if isinstance(found, ModelError):
                    raise found
                return found
            await asyncio.sleep(wait)
            tried += 1

    async def _posted(self, body: Mapping[str, Any]) -> httpx.Response | ModelError:
        """The one place where the errors of a connection become ours."""
        import httpx

        assert self._client is not None, "scores has loaded it"
        try:
            return await self._client.post(f"{self._url}/rerank", json=body)
        except UnicodeEncodeError as error:
            raise ModelRejected("a text holds half a character, which cannot be sent", where=self._where) from error
        except (httpx.ReadTimeout, httpx.WriteTimeout) as error:
            raise ModelTimeout(f"it said nothing for {self._timeout:g} s", where=self._where) from error
        except httpx.TransportError as error:
            reason = self._clean(str(error)) or type(error).__name__
            found = ModelUnavailable(
                f"it cannot be reached: {reason}", where=self._where, hint="Is the server running?"
            )
            found.__cause__ = error
            return found
        except httpx.HTTPError as error:
            raise self._broken(f"its reply cannot be read: {self._clean(str(error))}") from error

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, response: httpx.Response, count: int) -> list[float]:
        """The scores in the order of the texts. Raises ModelUnavailable where one is missing or is no number."""
        try:
            reply = _REPLY.validate_json(response.content)
        except ValidationError as error:
            raise self._broken("its reply is no list of scores") from error
        found: dict[int, float] = {}
        for result in reply.results if isinstance(reply, _Reply) else reply:
            score = result.score if result.relevance_score is None else result.relevance_score
            if result.index in found or score is None or not math.isfinite(score):
                raise self._broken(f"its reply has no single score for text {result.index}")
            found[result.index] = score
        if set(found) != set(range(count)):
            raise self._broken(
                "its reply does not score the texts that were sent",
                expected=f"texts 0 to {count - 1}",
                found=f"{len(found)} scores"
                + (f", one of text {max(found)}" if max(found, default=0) >= count else ""),
            )
        return [found[at] for at in range(count)]

    # ── Errors ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _where(self) -> str:
        return f"{self.name or 'rerank'} ({_shown(self._url)})"

    def _broken(self, message: str, *, expected: str | None = None, found: str | None = None) -> ModelUnavailable:
        return ModelUnavailable(message, where=self._where, expected=expected, found=found)

    def _clean(self, words: str) -> str:
        """A server's words on one line, without the key."""
        key = self._key.get_secret_value()
        line = " ".join((words.replace(key, "[key]") if key else words).split())
        return line if len(line) <= LONGEST_WORDS else line[:LONGEST_WORDS] + "…"

    def _refused(self, response: httpx.Response) -> ModelError:
        """Our error for a status, with the server's own words."""
        status, said = response.status_code, self._clean(_words(response))
        if status in (401, 402, 403, 407):
            hint = "Check the variable that api_key names in the connector's file."
            return ModelDenied(f"it refused the key: {said}", where=self._where, hint=hint)
        if status >= 500 or status in BUSY:
            return ModelUnavailable(f"it cannot answer now ({status}): {said}", where=self._where)
        if 300 <= status < 400:
            to = response.headers.get("location", "elsewhere")
            return ModelRejected(f"it sends requests on to {to}", where=self._where, hint="Correct base_url.")
        return ModelRejected(
            f"it refused the request ({status}): {said}", where=self._where, hint=_advice(status, said)
        )


def _advice(status: int, said: str) -> str | None:
    words = said.lower()
    if "batch" in words:
        return "Lower `batch` in the connector's file."
    if any(one in words for one in ("context length", "maximum length", "too long", "max_model_len")):
        return "Let the server cut long texts: vLLM does with `options: {truncate_prompt_tokens: -1}`."
    if status == 404:
        return "Is base_url the part of the address before /rerank, and does the server have this model?"
    return None


def _words(response: httpx.Response) -> str:
    """The message of an error, whichever way the server wraps it."""
    try:
        found: Any = response.json()
    except ValueError:
        return response.text
    while isinstance(found, dict):
        fields = cast("dict[str, Any]", found)
        found = next((fields[key] for key in ("error", "message", "detail") if fields.get(key)), "")
    return str(found)


def _wait(found: httpx.Response | ModelError, tried: int) -> float | None:
    """Seconds until the next try, as the server asks for them; None where no other try would help."""
    usual = FIRST_WAIT * 2**tried
    if isinstance(found, ModelError):
        return usual
    if found.status_code < 500 and found.status_code not in BUSY:
        return None
    asked = found.headers.get("retry-after", "")
    try:
        return max(0.0, float(asked))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return usual


def _in_time(wait: float, context: Context) -> bool:
    left = context.remaining()
    return wait <= LONGEST_WAIT and (left is None or wait < left)


def _shown(url: str) -> str:
    """The address without a password that may stand in it."""
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _check(url: str, key: str, batch: int, timeout: float, retries: int) -> None:
    try:
        parts = urlsplit(url)
        there = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number
        there = False
    if not there:
        raise ConfigError("base_url is no address", expected="such as http://localhost:8000/v1")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError("api_key holds a character that no key holds", hint="Was something else pasted there?")
    if batch < 1 or timeout <= 0 or retries < 0:
        raise ConfigError(
            "batch, timeout and retries are numbers of texts, seconds and tries",
            expected="1 or more, above 0, 0 or more",
        )
