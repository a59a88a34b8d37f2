"""Any chat model of LangChain: its own fakes, one that has every field, and what their errors mean."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

import pytest
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableLambda

from openai_server import collect, prompt
from ragstone.connectors.langchain import LangChainModel
from ragstone.errors import (
    ConfigError,
    MissingExtra,
    ModelDenied,
    ModelError,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    NotAllowed,
    PromptTooLong,
)
from ragstone.output import Output
from ragstone.protocols import SETTINGS
from ragstone.testing.suites import ModelSuite
from ragstone.testing.suites.model import Silence
from ragstone.types import Context
from ragstone.usage import Price, Usage

KEY = "sk-secret-0123456789"
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
OUTPUT = Output(name="o", schema=SCHEMA, strict=SCHEMA, words="In JSON, please.")


class Whole(BaseChatModel):
    """Has a field for nearly every setting, streams word by word, and counts as LangChain's own packages do."""

    api_key: str = ""
    temperature: float | None = None
    max_completion_tokens: int | None = None
    top_p: float | None = None
    seed: int | None = None
    stop_sequences: list[str] | None = None
    max_retries: int = 2
    said: str = "Paris [1]."
    reason: str = "stop"
    hang: Silence | None = None
    asked: ClassVar[list[dict[str, Any]]] = []

    @property
    def _llm_type(self) -> str:
        return "whole"

    def _generate(self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        raise AssertionError("it is asked asynchronously")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> ChatResult:
        await self._noted(messages, stop)
        usage = {"input_tokens": 40, "output_tokens": 4, "total_tokens": 44, "input_token_details": {"cache_read": 8}}
        facts = {"finish_reason": self.reason, "model_name": "whole-1"}
        message = AIMessage(self.said, usage_metadata=usage, response_metadata=facts)  # type: ignore[arg-type]
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _astream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **_: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        await self._noted(messages, stop)
        usages = [{"input_tokens": 40, "output_tokens": 0, "total_tokens": 40}, None]
        pieces = self.said.split(" ", 1)
        for usage, piece in zip(usages, [pieces[0], " " + pieces[-1]], strict=True):
            yield ChatGenerationChunk(message=AIMessageChunk(piece, usage_metadata=usage))  # type: ignore[arg-type]
        last = {"input_tokens": 0, "output_tokens": 4, "total_tokens": 4, "input_token_details": {"cache_read": 8}}
        facts = {"finish_reason": self.reason}
        end = AIMessageChunk("", usage_metadata=last, response_metadata=facts)  # type: ignore[arg-type]
        yield ChatGenerationChunk(message=end)

    async def _noted(self, messages: list[BaseMessage], stop: list[str] | None) -> None:
        fields = ("temperature", "max_completion_tokens", "top_p", "seed", "max_retries")
        said = [(message.type, message.content) for message in messages]
        Whole.asked.append({**{name: getattr(self, name) for name in fields}, "stop": stop, "messages": said})
        if self.hang:
            self.hang.asked.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.hang.left.set()

    def with_structured_output(
        self,
        schema: Any,
        *,
        include_raw: bool = False,
        method: Literal["function_calling", "json_schema"] = "json_schema",
        **_: Any,
    ) -> Runnable[Any, Any]:
        assert (include_raw, method) == (True, "json_schema")

        async def bound(messages: Any) -> dict[str, Any]:
            Whole.asked.append({"schema": schema, "messages": [message.content for message in messages]})
            return {"raw": AIMessage(""), "parsed": {"a": 1}, "parsing_error": None}

        return RunnableLambda(bound)


class Failing(FakeListChatModel):
    """Raises what it is given."""

    error: Any = None

    def _call(self, *args: Any, **kwargs: Any) -> str:
        raise self.error

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk("a"))
        raise self.error


@pytest.fixture(autouse=True)
def _nothing_asked() -> Iterator[None]:
    Whole.asked.clear()
    yield
    Whole.asked.clear()


def whole(**keys: Any) -> LangChainModel:
    return LangChainModel.of(Whole(), **keys)


# ── What is sent, and what comes back ───────────────────────────────────────────────────────────────────────────────


async def test_a_dotted_path_makes_the_class_with_its_arguments_and_without_retries() -> None:
    made = LangChainModel(f"{__name__}.Whole", arguments={"said": "Yes.", "api_key": KEY})
    answer = await made.generate(prompt(), context=Context())
    await made.close()
    assert (answer.text, answer.model, answer.finish_reason) == ("Yes.", "whole-1", "stop")
    assert Whole.asked[0]["max_retries"] == 0
    assert Whole.asked[0]["messages"] == [("system", "Be brief."), ("human", "How long is a chunk?")]
    insistent = LangChainModel(f"{__name__}.Whole", arguments={"max_retries": 5})
    await insistent.generate(prompt(), context=Context())
    assert Whole.asked[1]["max_retries"] == 5


async def test_settings_are_set_on_the_fields_of_the_class() -> None:
    made = whole()
    assert SETTINGS - made.capabilities.settings == {"top_k", "frequency_penalty", "presence_penalty"}
    given = prompt(temperature=0.0, max_tokens=80, seed=7, stop=("END",))
    await made.generate(given, context=Context())
    await collect(made, given)
    await made.generate(prompt(), context=Context())
    wanted = {"temperature": 0.0, "max_completion_tokens": 80, "top_p": None, "seed": 7, "stop": ["END"]}
    assert [{name: asked[name] for name in wanted} for asked in Whole.asked[:2]] == [wanted, wanted]
    assert Whole.asked[2]["temperature"] is None  # the settings of one prompt are not those of the next


async def test_a_setting_without_a_field_is_refused_or_left_out_aloud() -> None:
    with pytest.raises(NotAllowed, match="it has no topK"):
        await whole().generate(prompt(top_k=4), context=Context())
    answer = await whole(omits=["topK"]).generate(prompt(top_k=4), context=Context())
    assert answer.notice == "Not sent, as the connector's file says: topK."
    assert whole(lacks=["seed"]).capabilities.settings == {"temperature", "max_tokens", "top_p", "stop"}


async def test_usage_is_added_up_and_priced() -> None:
    made = whole(price=Price(input=1, cached_input=0.5, output=10))
    answers = [await made.generate(prompt(), context=Context()), (await collect(made, prompt()))[-1].completion]
    for answer in answers:
        assert answer is not None
        assert answer.usage == Usage(input_tokens=40, output_tokens=4, cached_tokens=8)
        assert answer.cost == pytest.approx((32 + 4 + 40) / 1e6)


async def test_an_answer_that_was_cut_off_says_so() -> None:
    made = LangChainModel.of(Whole(reason="MAX_TOKENS"))
    answer = await made.generate(prompt(max_tokens=3), context=Context())
    assert (answer.finish_reason, answer.notice) == ("length", "The answer was cut off at its limit of 3 tokens.")


async def test_reasoning_is_kept_apart() -> None:
    blocks = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Paris."}]
    said = [AIMessage(blocks), AIMessage("Paris.", additional_kwargs={"reasoning_content": "Hm."})]
    made = LangChainModel.of(GenericFakeChatModel(messages=iter(said)))
    for _ in said:
        answer = await made.generate(prompt(), context=Context())
        assert (answer.text, answer.reasoning) == ("Paris.", "Hm.")


async def test_langchains_own_fakes_answer_and_lack_every_setting() -> None:
    made = LangChainModel.of(FakeListChatModel(responses=["one", "two"]))
    assert made.capabilities.settings == frozenset()
    assert (await made.generate(prompt(), context=Context())).text == "one"
    deltas = await collect(made, prompt())
    assert [delta.text for delta in deltas] == ["t", "w", "o", ""]


# ── Answers of a form ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_class_that_binds_answers_gets_the_schema_and_no_words() -> None:
    made, asked = whole(), replace(prompt(), output=OUTPUT)
    answer = await made.generate(asked, context=Context())
    assert (json.loads(answer.text), answer.structured, made.capabilities.structured) == ({"a": 1}, "schema", "schema")
    assert Whole.asked[0] == {"schema": {"title": "o", **SCHEMA}, "messages": ["Be brief.", "How long is a chunk?"]}
    (delta,) = await collect(made, asked)
    assert delta.text == delta.completion.text == '{"a": 1}'  # type: ignore[union-attr]


async def test_another_class_is_told_of_it() -> None:
    made = LangChainModel.of(GenericFakeChatModel(messages=iter([AIMessage('{"a": 1}')])))
    answer = await made.generate(replace(prompt(), output=OUTPUT), context=Context())
    assert (answer.structured, made.capabilities.structured) == ("words", "words")


# ── Errors ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class RateLimitError(Exception):
    pass


class AuthenticationError(Exception):
    pass


class BadRequestError(Exception):
    pass


class ContextOverflowError(Exception):
    pass


class ReadTimeout(Exception):
    pass


class HouseError(Exception):
    pass


def status(code: int, said: str = "no", headers: dict[str, str] | None = None) -> Exception:
    error = HouseError(said)
    error.response = SimpleNamespace(status_code=code, headers=headers or {})  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("raised", "error", "again"),
    [
        (status(429), ModelUnavailable, True),
        (status(500), ModelUnavailable, True),
        (status(503), ModelUnavailable, False),
        (status(401), ModelDenied, False),
        (status(400), ModelRejected, False),
        (status(400, "maximum context length is 9"), PromptTooLong, False),
        (RateLimitError("slow down"), ModelUnavailable, True),
        (AuthenticationError("no"), ModelDenied, False),
        (BadRequestError("no"), ModelRejected, False),
        (ContextOverflowError("no"), PromptTooLong, False),
        (ReadTimeout("no"), ModelTimeout, True),
        (TimeoutError(), ModelTimeout, True),
        (ConnectionResetError("gone"), ModelUnavailable, True),
        (HouseError("whatever"), ModelUnavailable, False),
        (ValueError("No generation chunks were returned"), ModelUnavailable, False),
    ],
)
async def test_errors_of_any_package_are_translated_by_their_status_or_name(
    raised: Exception, error: type[ModelError], again: bool, streaming: bool
) -> None:
    made = LangChainModel.of(Failing(responses=["a"], error=raised))
    made.name = "house"
    with pytest.raises(ModelError) as caught:
        await (collect(made, prompt()) if streaming else made.generate(prompt(), context=Context()))
    assert (type(caught.value), caught.value.again) == (error, again)
    assert str(caught.value).startswith("house (Failing): it gave no answer: ")


async def test_an_error_is_known_by_what_it_came_from() -> None:
    outer = HouseError("wrapped")
    outer.__cause__ = status(429, headers={"retry-after": "3"})
    with pytest.raises(ModelUnavailable) as caught:
        await LangChainModel.of(Failing(responses=["a"], error=outer)).generate(prompt(), context=Context())
    assert (caught.value.again, caught.value.retry_after) == (True, 3)


@pytest.mark.parametrize("raised", [TypeError("x"), AttributeError("x"), KeyError("x"), AssertionError("x")])
async def test_mistakes_of_a_program_stay_what_they_are(raised: Exception) -> None:
    with pytest.raises(type(raised)):
        await LangChainModel.of(Failing(responses=["a"], error=raised)).generate(prompt(), context=Context())


async def test_an_empty_answer_is_an_error() -> None:
    with pytest.raises(ModelUnavailable, match="its answer is empty"):
        await LangChainModel.of(FakeListChatModel(responses=[" "])).generate(prompt(), context=Context())


# ── Configuration ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_path_that_names_no_chat_model_is_an_error() -> None:
    assert LangChainModel.runs_code
    with pytest.raises(ConfigError, match="chat is no dotted path"):
        LangChainModel("ChatOpenAI")
    with pytest.raises(ConfigError, match="no chat model of LangChain"):
        LangChainModel("pathlib.Path")
    with pytest.raises(ConfigError, match="holds no Chat"):
        LangChainModel("langchain_core.language_models.Chat")
    with pytest.raises(MissingExtra, match="langchain_nowhere"):
        LangChainModel("langchain_nowhere.Chat")
    with pytest.raises(ConfigError, match="context is out of range"):
        LangChainModel(f"{__name__}.Whole", context=0)


async def test_arguments_that_a_class_refuses_are_an_error_that_shows_no_key() -> None:
    made = LangChainModel(f"{__name__}.Whole", arguments={"api_key": KEY, "temperature": "hot " + KEY})
    with pytest.raises(ConfigError, match="refuses its `arguments`") as caught:
        await made.load()
    assert KEY not in str(caught.value) + repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


class TestLangChainModel(ModelSuite):
    deadlines = True
    secret = KEY

    def make(self, tmp_path: Path) -> LangChainModel:
        self.hang: Silence | None = None
        made = LangChainModel(f"{__name__}.Whole", arguments={"api_key": KEY})
        self.made = made
        return made

    def silenced(self) -> Silence:
        assert self.made._chat is not None
        hang = Silence(threading.Event(), threading.Event())
        self.made._chat.value.hang = hang
        return hang
