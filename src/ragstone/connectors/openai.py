"""Any server that speaks OpenAI's Chat Completions: OpenAI itself, vLLM, TGI, Ollama, llama.cpp.

    kind: model
    type: openai
    base_url: http://localhost:8000/v1
    model: qwen3-8b
    local: true

Requests and replies are plain JSON here: servers leave out and add fields at will, and a reply is judged by what we
need of it. The SDK's part is the connection, its retries and its errors, which `_translated` turns into ours.
"""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError

from ragstone.connectors import openai_errors, openai_outputs, openai_prefix, openai_requests
from ragstone.connectors.openai_optional import LOGPROBS, SAMPLES, Optional
from ragstone.connectors.openai_replies import Reply, Said, shares
from ragstone.errors import (
    ConfigError,
    MissingExtra,
    ModelDenied,
    ModelError,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    NotConfigured,
    nearest,
)
from ragstone.output import in_words
from ragstone.protocols import Capabilities, Model
from ragstone.samples import CUT_OFF, noted, numbered, some_of, whole
from ragstone.text.special_tokens import special_tokens
from ragstone.types import Completion, Context, Delta, Prompt
from ragstone.usage import Price, Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream, OpenAIError

__all__ = ["OpenAIModel"]

Structured: TypeAlias = Literal["schema", "words"] | None

OPENAI = "https://api.openai.com/v1"

LOOK_UP = 5.0  # seconds for the list of models, asked for only to explain an error
LONGEST_WORDS = 300  # characters of a server's own words in a message


class OpenAIModel(Model):
    """A model behind an OpenAI-compatible server.

    `timeout` are the seconds that the server may stay silent, `retries` the tries after the first one; the deadline of
    the call ends both. `reasoning` is sent as `reasoning_effort`: the models that reason by themselves take a
    temperature only with `none`. `thinking` is the switch in the chat template of vLLM's hybrid models. Either one is
    what a prompt that `reasons` turns on. `samples`: the server gives several answers of one request. `logprobs`: it
    tells how likely its words were. `context` is the length of the model's window in tokens. `tokenizer` is the model's
    `tokenizer.json` or its folder: prompts are counted by it, and its special tokens are broken up in questions and
    passages, beside the common ones. `prefix_block` is how many tokens the server's prefix cache keeps together: vLLM's
    `--block-size`.
    """

    def __init__(
        self,
        model: str,
        base_url: str = OPENAI,
        api_key: str = "",
        local: bool = False,
        context: int | None = None,
        price: Price | None = None,
        reasoning: str = "",
        thinking: bool | None = None,
        samples: bool = True,
        logprobs: bool = True,
        timeout: float = 60,
        retries: int = 2,
        tokenizer: Path | None = None,
        prefix_block: int | None = None,
    ) -> None:
        for name, value in (("base_url", base_url), ("model", model)):
            if not value.strip():
                raise NotConfigured(f"no {name} is set")
        if not api_key.strip() and base_url.rstrip("/") == OPENAI:
            raise NotConfigured("no api_key is set")
        if importlib.util.find_spec("openai") is None:
            raise MissingExtra("this model needs the package 'openai'", hint="Run: pip install 'ragstone[openai]'")
        _check(base_url.strip(), api_key.strip(), timeout, retries)
        if prefix_block is not None and prefix_block < 1:
            raise ConfigError("prefix_block is no number of tokens", expected="1 or more", found=str(prefix_block))
        self._model, self._url, self._key = model.strip(), base_url.strip(), SecretStr(api_key.strip())
        self._price, self._reasoning = price, openai_requests.Reasoning(reasoning.strip(), thinking)
        self._timeout, self._retries = timeout, retries
        self._client: AsyncOpenAI | None = None
        self._starting, self._probing = asyncio.Lock(), asyncio.Lock()
        self._obedience = openai_outputs.Obedience()
        self._prefix, self._optional = openai_prefix.Prefix(_host(self._url)), Optional()
        self.capabilities = Capabilities(
            generative=True,
            local=local,
            structured="schema",
            price=price,
            context_window=context,
            special_tokens=frozenset(special_tokens(tokenizer)) if tokenizer else frozenset(),
            tokenizer=tokenizer,
            model=self._model,
            prefix_block=prefix_block or self._prefix.block,
            prefix_least=self._prefix.least,
            samples=samples,
            logprobs=logprobs,
            reasons=self._reasoning.known,
        )

    async def load(self) -> None:
        """Imports the SDK, which takes most of a second, and makes its client."""
        async with self._starting:
            if self._client is None:
                self._client = await asyncio.to_thread(self._connected)

    async def close(self) -> None:
        """Closes the connections. A later call opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """The whole completion, in one reply."""
        begun = time.perf_counter()
        answered, structured = await self._asked(prompt, context)
        reply = self._read(answered)
        if not reply.choices:
            raise self._broken("its reply holds no choice")
        said = Said()
        said.add(reply.choices[0])
        return replace(self._completion(prompt, said, reply, begun), structured=structured)

    async def sample(self, prompt: Prompt, *, n: int, context: Context) -> Sequence[Completion]:
        """So many completions: in one request, as far as the server gives them, and side by side from there on.

        Of one request the input is counted on the first completion, and the output is shared by length. Those that are
        lost are missing, as each of the others says; the first one's error is raised where there is no other. They are
        read as streams, so that `timeout` counts silence alone, however long the answers.
        """
        had: list[Completion | ModelError] = []
        if n > 1 and self.capabilities.samples and SAMPLES not in self._optional.refused:
            had = await self._at_once(prompt, n, context)
        return await some_of(n, lambda number: whole(self.stream(numbered(prompt, number), context=context)), had=had)

    async def _at_once(self, prompt: Prompt, n: int, context: Context) -> list[Completion | ModelError]:
        """What the server gives of n in one request, at least one; whether it gives all is noted."""
        begun = time.perf_counter()
        last, heard = Reply(), dict[int, Said]()
        pieces, structured = await self._asked(prompt, context, stream=True, n=n)
        async with aclosing(self._replies(pieces, context)) as replies:
            async for piece in replies:
                last = last.followed_by(piece)
                for choice in piece.choices:
                    heard.setdefault(choice.index, Said()).add(choice)
        said = [heard[index] for index in sorted(heard)[:n]]
        if not any(one.reason for one in said):
            raise self._broken("its answer broke off")
        if len(said) < n and prompt.options.temperature != 0:  # at 0, vLLM refuses to say the same thing again
            self._optional.refused.add(SAMPLES)
        usages = iter(shares(last.counted, [one for one in said if one.whole]))
        outcomes: list[Completion | ModelError] = []
        for one in said:
            if one.reason is None:
                outcomes.append(self._broken("its answer broke off"))
            elif not one.whole:
                outcomes.append(self._nothing_said(prompt, one.reason))
            else:
                made = self._completion(prompt, one, last, begun, usage=next(usages))
                outcomes.append(replace(made, structured=structured))
        return outcomes

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The completion piece by piece. Raises ModelUnavailable when it breaks off midway."""
        begun = time.perf_counter()
        last, said = Reply(), Said()
        pieces, structured = await self._asked(prompt, context, stream=True)
        async with aclosing(self._replies(pieces, context)) as replies:
            async for piece in replies:
                last = last.followed_by(piece)
                for choice in piece.choices[:1]:
                    text = said.add(choice)
                    if text or choice.said.thought:  # its reasoning is a sign of life, and no word of the answer
                        yield Delta(text)
        if said.reason is None:
            raise self._broken("its answer broke off")
        yield Delta("", replace(self._completion(prompt, said, last, begun), structured=structured))

    # ── Asking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _loaded(self) -> AsyncOpenAI:
        await self.load()
        assert self._client is not None, "load has made it"
        return self._client

    def _connected(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI

        key = self._key.get_secret_value() or "none"  # the SDK insists on one, servers of your own do not
        return AsyncOpenAI(api_key=key, base_url=self._url, timeout=self._timeout, max_retries=self._retries)

    async def _asked(
        self, prompt: Prompt, context: Context, *, stream: bool = False, n: int = 1
    ) -> tuple[Any, Structured]:
        """The server's answer, whole or as a stream, and how the output's form was asked for."""
        output, several = prompt.output, {SAMPLES: n} if n > 1 else {}
        if output is None:
            return await self._post({**self._request(prompt, context), **several}, context, stream=stream), None
        await self._probed(context)
        refusal: ModelRejected | None = None
        if self._obedience.takes(output):
            formed = {**several, "response_format": openai_outputs.response_format(output)}
            try:
                return await self._post({**self._request(prompt, context), **formed}, context, stream=stream), "schema"
            except ModelRejected as error:  # of the schema, or of something else, which it then refuses once more
                refusal = error
        body = {**self._request(in_words(prompt), context), **several}
        answered = await self._post(body, context, stream=stream)
        if refusal is not None:
            self._obedience.refuse(output)
        elif self._obedience.known is None:
            self._obedience.known = False  # it has refused the probe, and takes requests without a schema
        return answered, "words"

    async def _probed(self, context: Context) -> None:
        """Finds out once whether the server obeys schemas. What it does not answer now is asked again next time."""
        async with self._translating(context), self._probing:
            if self._obedience.known is not None:
                return
            with context.trace.step("generate.probe", model=self._model) as step:
                length = {self._length: openai_outputs.PROBE_TOKENS}
                body = {"model": self._model, **length, **self._reasoning.fields()}
                try:
                    reply = self._read(await self._post({**body, **openai_outputs.probe()}, context))
                except ModelRejected as error:
                    step.facts.update(obeys=False, refused=error.message)
                    return
                text = reply.choices[0].said.text if reply.choices else ""
                self._obedience.known = step.facts["obeys"] = openai_outputs.obeys(text)

    async def _post(self, body: Mapping[str, Any], context: Context, *, stream: bool = False) -> Any:
        client = await self._loaded()
        from openai import AsyncStream, OpenAIError  # at once, since the client's thread has imported it

        async def post(body: Mapping[str, Any]) -> Any:
            if not stream:
                return await client.post("/chat/completions", cast_to=object, body=body)
            asked = {**body, "stream": True, "stream_options": {"include_usage": True}}
            return await client.post(
                "/chat/completions", cast_to=object, body=asked, stream=True, stream_cls=AsyncStream[object]
            )

        async with self._translating(context):
            body, blamed = self._optional.kept(body), None
            while True:
                try:
                    answered = await post(body)
                except OpenAIError as error:
                    if (blamed := self._optional.blamed(error, body)) is None:
                        raise
                    body = self._optional.kept(body, blamed)
                    continue
                if blamed is not None and blamed != SAMPLES:  # `n` is judged by how many answers came
                    self._optional.refused.add(blamed)  # only now is it known that the field was what it refused
                return answered

    @property
    def _length(self) -> str:
        """The most tokens of an answer. OpenAI's newer models know this name alone, other servers the older one."""
        ours = _host(self._url).endswith(("openai.com", "openai.azure.com"))
        return "max_completion_tokens" if ours else "max_tokens"

    def _request(self, prompt: Prompt, context: Context) -> dict[str, Any]:
        body = openai_requests.body(self._model, prompt, length=self._length, reasoning=self._reasoning)
        if not self.capabilities.logprobs:
            body.pop(LOGPROBS, None)
        return {**body, **self._prefix.field(prompt, context)}

    @asynccontextmanager
    async def _translating(self, context: Context) -> AsyncGenerator[None]:
        """The one place where the errors of a request become ours, and where the deadline ends it."""
        from openai import OpenAIError

        try:
            async with asyncio.timeout(context.remaining()):
                yield
        except TimeoutError as error:
            raise ModelTimeout("the time for this call was over before it had answered", where=self._where) from error
        except OpenAIError as error:
            raise await self._translated(error, context) from error
        except UnicodeEncodeError as error:
            raise ModelRejected("the prompt holds half a character, which cannot be sent", where=self._where) from error
        except ValueError as error:
            raise self._broken("its reply is no JSON") from error

    async def _replies(self, pieces: AsyncStream[object], context: Context) -> AsyncGenerator[Reply]:
        """The pieces of a stream, which is closed at the end."""
        try:
            while (piece := await self._next(pieces, context)) is not None:
                yield piece
        finally:
            await pieces.close()

    async def _next(self, pieces: AsyncStream[object], context: Context) -> Reply | None:
        """The next piece of a stream, or None at its end."""
        from openai import OpenAIError

        async with self._translating(context):
            try:
                return self._read(await anext(pieces))
            except StopAsyncIteration:
                return None
            except (OpenAIError, ValueError, ModelError):
                raise
            except Exception as error:  # before 3.x the SDK lets the errors of its transport through
                raise self._broken(f"its answer broke off: {error}") from error

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, answered: object) -> Reply:
        """What a reply says. Raises ModelUnavailable when it is an error in disguise, or no reply at all."""
        if isinstance(answered, dict) and (
            words := openai_errors.words(cast("dict[str, object]", answered).get("error"))
        ):
            raise self._broken(f"it replied with an error: {self._clean(words)}")
        try:
            return Reply.model_validate(answered)
        except ValidationError as error:
            raise self._broken("its reply is no chat completion") from error

    def _completion(
        self, prompt: Prompt, said: Said, reply: Reply, begun: float, *, usage: Usage | None = None
    ) -> Completion:
        """What was said, with the reply's usage unless its share is given. Raises a ModelError for nothing."""
        limit, reason = prompt.options.max_tokens, said.reason or "stop"
        if not said.text.strip():
            raise self._nothing_said(prompt, reason)
        usage = reply.counted if usage is None else usage
        cut = f"at its limit of {limit} tokens" if limit else "at the end of the model's window"
        made = Completion(
            text=said.text,
            model=reply.model or self._model,
            usage=usage,
            finish_reason=reason,
            notice=f"{CUT_OFF} {cut}." if reason == "length" else None,
            cost=self._price.of(usage) if self._price else 0.0,
            seconds=time.perf_counter() - begun,
            reasoning=said.reasoning,
            logprob=said.logprob if prompt.logprobs else None,
        )
        left_out = self._reasoning.notice(prompt)
        return noted(made, left_out) if left_out else made

    def _nothing_said(self, prompt: Prompt, reason: str) -> ModelError:
        if reason == "length":
            hint = "Raise maxOutputTokens in the prompt file, or write `reasoning: none` in the connector's file."
            if prompt.reasons:
                hint = "Raise maxOutputTokens in the prompt file: the model's own reasoning counts too."
            return ModelRejected(
                f"it used up {prompt.options.max_tokens or 'all its'} tokens before the first word",
                where=self._where,
                hint=hint,
            )
        if reason == "content_filter":
            return ModelRejected("its content filter held the answer back", where=self._where)
        return self._broken("its answer is empty")

    # ── Errors ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _where(self) -> str:
        return f"{self.name or 'openai'} ({_shown(self._url)})"

    def _broken(self, message: str) -> ModelUnavailable:
        return ModelUnavailable(message, where=self._where)

    def _clean(self, words: str) -> str:
        """A server's words on one line, without the key."""
        key = self._key.get_secret_value()
        line = " ".join((words.replace(key, "[key]") if key else words).split())
        return line if len(line) <= LONGEST_WORDS else line[:LONGEST_WORDS] + "…"

    async def _translated(self, error: OpenAIError, context: Context) -> ModelError:
        """Our error for one of the SDK's, with the server's own words."""
        import openai

        said = self._clean(openai_errors.words(getattr(error, "body", None)) or str(error.__cause__ or error))
        status = int(getattr(error, "status_code", 0))
        kind = openai_errors.kind(error)
        if isinstance(error, openai.APITimeoutError):
            return kind(f"it said nothing for {self._timeout:g} s", where=self._where)
        if isinstance(error, openai.APIConnectionError):
            hint = "Is there a network?" if self._url.rstrip("/") == OPENAI else "Is the server running?"
            return kind(f"it cannot be reached: {said}", where=self._where, hint=hint)
        if isinstance(error, openai.NotFoundError):
            return await self._not_found(said, context)
        if kind is ModelDenied:
            hint = "Check the variable that api_key names in the connector's file."
            return kind(f"it refused the key: {said}", where=self._where, hint=hint)
        if kind is ModelRejected:
            return kind(f"it refused the request: {said}", where=self._where, hint=openai_errors.advice(error, said))
        return kind(f"it cannot answer now{f' ({status})' if status else ''}: {said}", where=self._where)

    async def _not_found(self, said: str, context: Context) -> ModelRejected:
        served = await self._served(context)
        if not served or self._model in served:
            return ModelRejected(f"it found nothing: {said}", where=self._where, hint="Does base_url end in /v1?")
        expected = "one of " + ", ".join(served[:8]) + (" …" if len(served) > 8 else "")
        hint = nearest(self._model, served)
        return ModelRejected(f"it has no model {self._model!r}", where=self._where, expected=expected, hint=hint)

    async def _served(self, context: Context) -> list[str]:
        """The models that the server lists; none when it does not say so at once."""
        try:
            client = await self._loaded()
            async with asyncio.timeout(context.within(LOOK_UP).remaining()):
                listed = await client.with_options(max_retries=0).get("/models", cast_to=object)
            found = cast("Mapping[str, list[Mapping[str, object]]]", listed)["data"]
            return sorted(str(model["id"]) for model in found)
        except Exception:  # this list only makes an error clearer, so whatever is wrong with it is no second error
            return []


def _check(url: str, key: str, timeout: float, retries: int) -> None:
    if not url.startswith(("http://", "https://")) or not _host(url):
        raise ConfigError(
            "base_url is no address", expected="such as http://localhost:8000/v1", found=repr(_shown(url))
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError("api_key holds a character that no key holds", hint="Was something else pasted there?")
    if timeout <= 0 or retries < 0:
        raise ConfigError("timeout and retries are numbers of seconds and tries", expected="above 0, and 0 or more")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _shown(url: str) -> str:
    """The address without a password that may stand in it."""
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
