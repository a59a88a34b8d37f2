"""Any chat model of LangChain, by its dotted path.

kind: model
type: langchain
chat: langchain_mistralai.ChatMistralAI
arguments: {model: mistral-small-latest, api_key: "${env:MISTRAL_API_KEY}"}
context: 128000
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import time
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

from ragstone import settings
from ragstone.connectors.langchain import refusals, vendor
from ragstone.connectors.servers import LONGEST_WORDS, characters, demand
from ragstone.errors import ConfigError, MissingExtra, ModelError, ModelTimeout, ModelUnavailable, RagstoneError
from ragstone.output import in_words
from ragstone.protocols import SETTINGS, Capabilities, Model
from ragstone.samples import CUT_OFF, noted
from ragstone.types import Completion, Context, Delta, Prompt
from ragstone.usage import Price, Usage

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage

__all__ = ["LangChainModel"]

NAMES: dict[str, tuple[str, ...]] = {
    "max_tokens": ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens", "num_predict"),
    "stop": ("stop", "stop_sequences"),
}
"""What classes call a setting, where that is not the one name that it has here."""

QUIET: dict[str, Any] = {"max_retries": 0, "stream_usage": True}
"""What is set on every class that has it: who retries is the route, and a stream without usage cannot be counted."""

_LENGTH = {"length", "max_tokens", "model_length"}
_SECRET = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Hidden:
    """What may hold a key: it is never shown."""

    value: Any = field(repr=False)


@dataclass(slots=True)
class _Said:
    """What a model has said so far."""

    texts: list[str] = field(default_factory=list[str])
    thoughts: list[str] = field(default_factory=list[str])
    usage: Any = None  # LangChain's own
    facts: dict[str, Any] = field(default_factory=dict[str, Any])

    def add(self, message: AIMessage) -> str:
        """Takes a message, or a piece of one, and returns its text."""
        from langchain_core.messages.ai import add_usage

        text = characters(str(message.text))
        self.texts.append(text)
        self.thoughts.append(_thought(message))
        if message.usage_metadata:
            self.usage = add_usage(self.usage, message.usage_metadata) if self.usage else message.usage_metadata
        self.facts.update({key: value for key, value in message.response_metadata.items() if value})
        return text

    @property
    def reason(self) -> str:
        """Why it ended: `length` where it was cut off."""
        said = next(
            (self.facts[key] for key in ("finish_reason", "stop_reason", "done_reason") if key in self.facts), ""
        )
        return "length" if str(said).lower() in _LENGTH else "stop"


class LangChainModel(Model):
    """Any chat model of LangChain, by its dotted path; the project must allow plugins for it.

    `arguments` are those of its class. A setting is obeyed where the class has a field of that name; `lacks` are those
    that it does not obey all the same, `omits` those that are left out of every request, as each answer then says.
    `context` is the length of the model's window in tokens, `output_limit` that of its longest answer. It retries
    nothing, unless its arguments say so.
    """

    runs_code: ClassVar[bool] = True

    def __init__(
        self,
        chat: str,
        *,
        arguments: dict[str, Any] = {},  # noqa: B006 - only read, and shown as this key's default
        local: bool = False,
        context: int | None = None,
        output_limit: int | None = None,
        price: Price | None = None,
        lacks: Sequence[str] = (),
        omits: Sequence[str] = (),
    ) -> None:
        if not vendor.is_dotted(chat):
            raise ConfigError("chat is no dotted path", expected="package.module.Class", found=repr(chat))
        found = vendor.find(chat)
        if not (inspect.isclass(found) and hasattr(found, "model_fields") and hasattr(found, "astream")):
            raise ConfigError(f"chat names {chat}, which is no chat model of LangChain")
        self._prepare(found, chat, local, context, output_limit, price, lacks, omits)
        extra = {name: value for name, value in QUIET.items() if name in self._fields and name not in arguments}
        self._arguments = _Hidden({**extra, **arguments})

    @classmethod
    def of(
        cls,
        chat: BaseChatModel,
        *,
        local: bool = False,
        context: int | None = None,
        output_limit: int | None = None,
        price: Price | None = None,
        lacks: Sequence[str] = (),
        omits: Sequence[str] = (),
    ) -> LangChainModel:
        """The model for a chat model that a program has made.

        >>> LangChainModel.of(ChatOllama(model="llama3.1"), local=True)
        """
        made = cls.__new__(cls)
        made._prepare(type(chat), type(chat).__name__, local, context, output_limit, price, lacks, omits)
        made._arguments = _Hidden({})
        made._chat = _Hidden(chat)
        return made

    def _prepare(
        self,
        chat: Any,
        path: str,
        local: bool,
        context: int | None,
        output_limit: int | None,
        price: Price | None,
        lacks: Sequence[str],
        omits: Sequence[str],
    ) -> None:
        demand(context=context, output_limit=output_limit)
        self._class, self._path, self._price = chat, path, price
        self._chat: _Hidden | None = None
        self._starting = asyncio.Lock()
        self._omits = settings.named(omits, key="omits")
        self._fields = _fields(chat)
        obeyed = {name for name in SETTINGS if _field(name, self._fields)}
        self.capabilities = Capabilities(
            generative=True,
            local=local,
            structured="schema" if _binds(chat) else "words",
            price=price,
            settings=frozenset(obeyed) - settings.named(lacks, key="lacks") | self._omits,
            omits=self._omits,
            context_window=context,
            output_limit=output_limit,
        )

    async def load(self) -> None:
        """Makes the chat model."""
        await self._loaded()

    async def close(self) -> None:
        """Lets the chat model go, where it was made here: LangChain has no way to close one."""
        if self._arguments.value:
            self._chat = None

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """The whole completion."""
        begun, said = time.perf_counter(), _Said()
        asked = await self._asked(prompt)
        form = self._form(prompt)
        async with self._within(context):
            if form == "schema":
                said.add(await self._formed(asked, prompt))
            else:
                said.add(await asked.ainvoke(_messages(prompt), stop=list(prompt.options.stop) or None))
        return replace(self._completion(prompt, said, begun), structured=form)

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The completion piece by piece; one of a form that binds comes whole."""
        if self._form(prompt) == "schema":
            completion = await self.generate(prompt, context=context)
            yield Delta(completion.text, completion)
            return
        begun, said = time.perf_counter(), _Said()
        asked = await self._asked(prompt)
        pieces = asked.astream(_messages(prompt), stop=list(prompt.options.stop) or None)
        async with aclosing(cast("AsyncGenerator[AIMessage]", pieces)) as messages:
            while True:
                async with self._within(context):
                    piece = await anext(messages, None)
                if piece is None:
                    break
                if text := said.add(piece):
                    yield Delta(text)
        yield Delta("", replace(self._completion(prompt, said, begun), structured=self._form(prompt)))

    # ── Asking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _loaded(self) -> BaseChatModel:
        async with self._starting:
            if self._chat is None:
                with self._translated():
                    self._chat = _Hidden(await asyncio.to_thread(self._made))
            return self._chat.value

    def _made(self) -> Any:
        try:
            return self._class(**self._arguments.value)
        except ImportError as error:
            reason = self._clean(error)
            raise MissingExtra(reason, where=self._where, hint="Install what this chat model needs.") from None
        except Exception as error:  # whatever a class thinks of its arguments; what it says may hold the key
            raise ConfigError(
                f"{self._path} refuses its `arguments`: {self._clean(error)}", where=self._where
            ) from None

    async def _asked(self, prompt: Prompt) -> BaseChatModel:
        """The chat model with the prompt's settings."""
        settings.require(prompt, self.capabilities.settings, where=self._where)
        chat = await self._loaded()
        given = [name for name in settings.given(prompt) if name not in self._omits and name != "stop"]
        update = {_field(name, self._fields): getattr(prompt.options, name) for name in given}
        return chat.model_copy(update=update) if update else chat

    def _form(self, prompt: Prompt) -> Any:
        return None if prompt.output is None else self.capabilities.structured

    async def _formed(self, chat: BaseChatModel, prompt: Prompt) -> AIMessage:
        """An answer that is bound by the schema."""
        assert prompt.output is not None, "only such a prompt has a form"
        schema = {"title": prompt.output.name, **prompt.output.strict}
        binding = chat.with_structured_output(schema, method="json_schema", include_raw=True)
        found = cast("Mapping[str, Any]", await binding.ainvoke(_messages(prompt, told=False)))
        raw = cast("AIMessage", found["raw"])
        if str(raw.text).strip() or found.get("parsed") is None:
            return raw
        return raw.model_copy(update={"content": json.dumps(found["parsed"])})  # it came as a call of a function

    @asynccontextmanager
    async def _within(self, context: Context) -> AsyncGenerator[None]:
        try:
            async with asyncio.timeout(context.remaining()):
                with self._translated():
                    yield
        except TimeoutError as error:  # the deadline's; that of whatever package is translated
            raise ModelTimeout("the time for this call was over before it had answered", where=self._where) from error

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _completion(self, prompt: Prompt, said: _Said, begun: float) -> Completion:
        text = "".join(said.texts)
        usage, limit = _usage(said.usage), prompt.options.max_tokens
        if not text.strip():
            raise ModelUnavailable("its answer is empty", where=self._where).taking(usage)
        cut = f"at its limit of {limit} tokens" if limit else "at its end"
        made = Completion(
            text=text,
            model=str(said.facts.get("model_name") or said.facts.get("model") or self._path),
            usage=usage,
            finish_reason=said.reason,
            notice=f"{CUT_OFF} {cut}." if said.reason == "length" else None,
            cost=self._price.of(usage) if self._price else 0.0,
            seconds=time.perf_counter() - begun,
            reasoning="".join(said.thoughts),
        )
        left_out = settings.left_out(prompt, self._omits)
        return noted(made, left_out) if left_out else made

    # ── Errors ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _where(self) -> str:
        return f"{self.name or 'langchain'} ({self._path})"

    def _clean(self, error: BaseException) -> str:
        """What an error says, on one line, without what may be a key."""
        said = str(error)
        for name, value in self._arguments.value.items():
            if isinstance(value, str) and value and _SECRET.search(str(name)):
                said = said.replace(value, "[key]")
        line = f"{type(error).__name__}: {' '.join(said.split())}"
        return line if len(line) <= LONGEST_WORDS else line[:LONGEST_WORDS] + "…"

    @contextmanager
    def _translated(self) -> Generator[None]:
        """The one place where the errors of whatever package become ours. Mistakes of a program stay as they are."""
        try:
            yield
        except RagstoneError:
            raise
        except Exception as error:
            if refusals.is_ours(error):
                raise
            kind: type[ModelError] = refusals.kind(error)
            raise kind(
                f"it gave no answer: {self._clean(error)}",
                where=self._where,
                retry_after=refusals.wait(error),
                again=refusals.retryable(error),
            ) from error


def _messages(prompt: Prompt, *, told: bool = True) -> list[BaseMessage]:
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    kinds = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
    said = (in_words(prompt) if told else prompt).messages
    return [kinds[message.role](content=message.content) for message in said]


def _fields(chat: Any) -> Mapping[str, str]:
    """The fields of a class by their names, and by their aliases."""
    fields = cast("Mapping[str, Any]", chat.model_fields)
    return {**{info.alias: name for name, info in fields.items() if info.alias}, **{name: name for name in fields}}


def _field(setting: str, fields: Mapping[str, str]) -> str:
    """The field of a class for a setting; "" where it has none."""
    return next((fields[name] for name in NAMES.get(setting, (setting,)) if name in fields), "")


def _binds(chat: Any) -> bool:
    """Whether a class can bind an answer by a schema, as far as its signature tells."""
    method = inspect.signature(chat.with_structured_output).parameters.get("method")
    return method is not None and "json_schema" in str(method.annotation)


def _usage(found: Any) -> Usage:
    """LangChain's count, whose input holds all, cached or not."""
    if not found:
        return Usage()
    details = cast("dict[str, Any]", found.get("input_token_details") or {})
    counted = Usage(
        input_tokens=found.get("input_tokens") or 0,
        output_tokens=found.get("output_tokens") or 0,
        cached_tokens=details.get("cache_read") or 0,
        written_tokens=details.get("cache_creation") or 0,
    )
    return counted.believed()


def _thought(message: AIMessage) -> str:
    """The reasoning that a message carries, whichever way its package does."""
    found = message.additional_kwargs.get("reasoning_content")
    if isinstance(found, str):
        return found
    content = cast("Any", message.content)
    blocks: list[dict[str, Any]] = [block for block in content if isinstance(block, dict)]
    said = [block.get(str(block["type"])) for block in blocks if block.get("type") in ("thinking", "reasoning")]
    return "".join(text for text in said if isinstance(text, str))
