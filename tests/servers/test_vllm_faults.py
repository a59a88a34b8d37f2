"""What servers and networks do wrong, in front of a real vLLM: each gives the right error, or the right fallback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from fault_proxy import ERROR, ERROR_EVENT, HALF_JSON, HTML, Fault, Proxy, breaks, drips, garbage, proxying, says
from ragstone.errors import ModelDenied, ModelError, ModelRejected, ModelTimeout, ModelUnavailable, StreamBroken
from ragstone.inference.router import Router
from ragstone.samples import whole
from ragstone.types import Completion, Context, Delta
from routing import a_prompt, answered_by, routing
from vllm_counters import counting

pytestmark = pytest.mark.vllm

HANGS = 1.0  # seconds that a server may say nothing which never will
REFUSED = Fault(how="reset", headers=False, size=0)  # no connection is taken at all: see `meets`


@dataclass(frozen=True, slots=True)
class Case:
    """What is met, and what comes of it."""

    fault: Fault
    error: type[ModelError]
    said: str  # part of the message
    streamed: str = ""  # the same of a stream, where it is another
    asked: int = 2  # times, of a model with one further try
    elsewhere: bool = True  # whether another model may answer
    waits: float = 0.0  # seconds, before the further try at least


CASES = {
    "hangs": Case(breaks("hang", headers=False), ModelTimeout, "said nothing", asked=1),
    "hangs after its headers": Case(breaks("hang"), ModelTimeout, "said nothing", asked=1),
    "garbage": Case(garbage(), ModelUnavailable, "cannot be reached"),
    "half a JSON": Case(says(200, HALF_JSON), ModelUnavailable, "no JSON"),
    "half an event": Case(
        breaks("end", events=0, words=b"data: " + HALF_JSON + b"\n\n"), ModelUnavailable, "", streamed="no JSON"
    ),
    "HTML": Case(says(200, HTML, media="text/html"), ModelUnavailable, "no chat completion"),
    "200 with an error": Case(says(200, ERROR), ModelUnavailable, "the engine died"),
    "an error event": Case(
        breaks("end", events=0, words=ERROR_EVENT), ModelUnavailable, "", streamed="the engine died"
    ),
    "503": Case(says(503, after=1), ModelUnavailable, "cannot answer now (503)", asked=1),
    "501": Case(says(501), ModelUnavailable, "cannot answer now (501)", asked=1),
    "500": Case(says(500, ERROR), ModelUnavailable, "cannot answer now (500): the engine died"),
    "502 in HTML": Case(says(502, HTML, media="text/html"), ModelUnavailable, "cannot answer now (502)"),
    "408": Case(says(408), ModelUnavailable, "cannot answer now (408)"),
    "409": Case(says(409), ModelUnavailable, "cannot answer now (409)"),
    "429 with Retry-After": Case(says(429, after=3), ModelUnavailable, "cannot answer now (429)", waits=3),
    "429 for long": Case(says(429, after=90), ModelUnavailable, "cannot answer now (429)", asked=1),
    "refused": Case(REFUSED, ModelUnavailable, "cannot be reached"),
    "reset": Case(breaks("reset", headers=False), ModelUnavailable, "cannot be reached"),
    "reset after its headers": Case(breaks("reset"), ModelUnavailable, ""),
    "reset midway": Case(breaks("reset", size=40), ModelUnavailable, ""),
    "closed": Case(breaks("close", headers=False), ModelUnavailable, "cannot be reached"),
    "closed midway": Case(breaks("close", size=40), ModelUnavailable, ""),
    "401": Case(says(401), ModelDenied, "refused the key", asked=1, elsewhere=False),
    "400": Case(says(400), ModelRejected, "refused the request", asked=1, elsewhere=False),
}
OF_STREAMS = {"half an event", "an error event"}
MODES = [(name, mode) for name in CASES for mode in ("whole", "stream") if mode == "stream" or name not in OF_STREAMS]


def meets(proxy: Proxy, fault: Fault) -> None:
    """From now on every request meets it."""
    proxy.otherwise = fault
    if fault is REFUSED:
        proxy.refuse()


async def ask(router: Router, mode: str, **context: Any) -> Completion:
    if mode == "whole":
        return await router.generate(a_prompt(), context=Context(**context))
    return await whole(router.stream(a_prompt(), context=Context(**context)))


@pytest.fixture
def proxy(vllms) -> Iterator[Proxy]:
    _, second = vllms
    with proxying(second.base_url.removesuffix("/v1")) as running:
        yield running


@pytest.fixture
async def first(vllms) -> AsyncIterator[httpx.AsyncClient]:
    """The first server, as others see it."""
    server, _ = vllms
    async with httpx.AsyncClient(base_url=server.base_url.removesuffix("/v1"), timeout=60) as client:
        yield client


# ── Before the first word ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("name", "mode"), MODES)
async def test_a_model_that_stands_alone_gives_the_error(proxy: Proxy, tmp_path: Path, name: str, mode: str) -> None:
    case = CASES[name]
    meets(proxy, case.fault)
    limits = {"attempt": HANGS} if case.error is ModelTimeout else {}
    async with routing({"b": proxy.url}, tmp_path, terms={"retries": 1}, **limits) as routed:
        with pytest.raises(ModelError) as caught:
            await ask(routed.router, mode)
        spent = await routed.spent()
    error = caught.value
    assert type(error) is case.error
    assert (case.streamed if mode == "stream" and case.streamed else case.said) in str(error)
    assert "b (http://127.0.0.1" in str(error) or case.error is ModelTimeout
    assert [one.model for one in error.attempts] == ["b"] * case.asked
    assert all(one.error for one in error.attempts)
    assert len(proxy.asked) == (0 if case.fault is REFUSED else case.asked)
    assert len(routed.slept) == case.asked - 1
    assert all(seconds >= case.waits for seconds in routed.slept)
    assert spent.open == 0
    assert not spent.reported


@pytest.mark.parametrize(("name", "mode"), MODES)
async def test_another_model_answers_in_its_place(
    vllms, proxy: Proxy, first: httpx.AsyncClient, tmp_path: Path, name: str, mode: str
) -> None:
    case, (server, _) = CASES[name], vllms
    meets(proxy, case.fault)
    urls = {"b": proxy.url, "a": server.base_url}
    silence = {"b": HANGS} if case.error is ModelTimeout else {}
    async with counting(first) as counted, routing(urls, tmp_path, terms={"retries": 0}, silence=silence) as routed:
        if case.elsewhere:
            completion = await ask(routed.router, mode)
            assert [one.model for one in completion.attempts] == ["b", "a"]
            said = case.streamed if mode == "stream" and case.streamed else case.said
            assert said in (completion.attempts[0].error or "")
            assert said in (completion.notice or "")
            used = completion.usage
            assert (await routed.spent()).reported["a"].usage == used
        else:
            with pytest.raises(case.error):
                await ask(routed.router, mode)
            assert not (await routed.spent()).reported
        assert (await routed.spent()).open == 0
    assert len(proxy.asked) == (0 if case.fault is REFUSED else 1)
    assert counted.requests == int(case.elsewhere)


async def test_what_comes_slowly_still_counts(proxy: Proxy, tmp_path: Path) -> None:
    proxy.otherwise = drips(200, 0.01)
    async with routing({"b": proxy.url}, tmp_path) as routed:
        plain = await ask(routed.router, "whole")
        streamed = await ask(routed.router, "stream")
    assert plain.text == streamed.text
    assert len(proxy.asked) == 2


async def test_a_server_that_asks_for_long_is_left_alone_until_then(vllms, proxy: Proxy, tmp_path: Path) -> None:
    server, _ = vllms
    proxy.will(says(429, after=60))
    async with routing({"b": proxy.url, "a": server.base_url}, tmp_path) as routed:
        assert [answered_by(await ask(routed.router, "stream")) for _ in range(3)] == ["a"] * 3
        assert len(proxy.asked) == 1
        routed.now += 59
        assert answered_by(await ask(routed.router, "whole")) == "a"
        routed.now += 1
        assert answered_by(await ask(routed.router, "whole")) == "b"


# ── After it ────────────────────────────────────────────────────────────────────────────────────────────────────────

BREAKS = {
    "closed": breaks("close", events=6),
    "reset": breaks("reset", events=6),
    "ended": breaks("end", events=6),
    "an error event": breaks("end", events=6, words=ERROR_EVENT),
    "half an event": breaks("end", events=6, words=b"data: " + HALF_JSON + b"\n\n"),
    "hangs": breaks("hang", events=6),
}
"""A stream that breaks after its first words: of a busy server an event may hold many tokens, but never all of them."""
LENGTH = 120  # tokens of such an answer


async def read(router: Router, context: Context) -> tuple[list[Delta], ModelError | None]:
    """The pieces of a stream, and how it failed, if it did."""
    found: list[Delta] = []
    try:
        async with aclosing(router.stream(a_prompt(tokens=LENGTH), context=context)) as deltas:
            async for delta in deltas:
                found += [delta]
    except ModelError as error:
        return found, error
    return found, None


def silent(name: str) -> dict[str, float]:
    """How long the server that breaks may be silent."""
    return {"b": HANGS} if name == "hangs" else {}


def words(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


@pytest.mark.parametrize("name", BREAKS)
async def test_a_stream_that_breaks_ends_in_an_error_and_no_other_models_words(
    vllms, proxy: Proxy, first: httpx.AsyncClient, tmp_path: Path, name: str
) -> None:
    server, _ = vllms
    proxy.will(BREAKS[name])
    async with routing({"b": proxy.url, "a": server.base_url}, tmp_path, silence=silent(name)) as routed:
        async with counting(first) as counted:
            deltas, error = await read(routed.router, Context())
        spent = await routed.spent()
        whole_text = (await routed.models["a"].generate(a_prompt(tokens=LENGTH), context=Context())).text
    assert type(error) is StreamBroken
    assert [one.model for one in error.attempts] == ["b"]
    assert words(deltas)
    assert whole_text.startswith(words(deltas))
    assert words(deltas) != whole_text
    assert not any(delta.restart or delta.completion for delta in deltas)
    assert counted.requests == 0
    assert len(proxy.asked) == 1
    assert (spent.open, spent.reported, spent.estimated.keys()) == (0, {}, {"b"})
    assert 0 < spent.estimated["b"].usage.output_tokens <= LENGTH


@pytest.mark.parametrize("name", BREAKS)
@pytest.mark.parametrize("rule", ["restart", "unread"])
async def test_a_stream_that_breaks_begins_anew_elsewhere(
    vllms, proxy: Proxy, first: httpx.AsyncClient, tmp_path: Path, name: str, rule: str
) -> None:
    server, _ = vllms
    proxy.will(BREAKS[name])
    declared = {"broken": "restart"} if rule == "restart" else {}
    urls = {"b": proxy.url, "a": server.base_url}
    async with counting(first) as counted, routing(urls, tmp_path, silence=silent(name), **declared) as routed:
        deltas, error = await read(routed.router, Context(unread=rule == "unread"))
        spent = await routed.spent()
    assert error is None
    completion = deltas[-1].completion
    assert completion is not None
    assert [(one.model, one.error is None) for one in completion.attempts] == [("b", False), ("a", True)], completion
    (place,) = [place for place, delta in enumerate(deltas) if delta.restart]
    before, after = words(deltas[:place]), words(deltas[place:])
    assert before
    assert after == completion.text  # of one model alone
    assert after.startswith(before)  # they are two of a kind, so it began anew, and did not go on
    assert after != before
    assert completion.usage.output_tokens == LENGTH
    assert (counted.requests, len(proxy.asked)) == (1, 1)
    assert spent.open == 0
    assert spent.reported.keys() == {"a"}
    assert (spent.reported["a"].requests, spent.reported["a"].usage) == (1, completion.usage)
    assert 0 < spent.estimated["b"].usage.output_tokens <= LENGTH


async def test_many_broken_streams_at_once_are_never_mixed_up(vllms, proxy: Proxy, tmp_path: Path) -> None:
    server, _ = vllms
    proxy.will(*list(BREAKS.values())[:5])
    urls = {"b": proxy.url, "a": server.base_url}
    prompts = [a_prompt(f"What is the chunk of number {number}?", tokens=LENGTH) for number in range(5)]
    async with routing(urls, tmp_path, broken="restart") as routed:
        alone = [await routed.models["a"].generate(prompt, context=Context()) for prompt in prompts]
        streams = (whole(routed.router.stream(prompt, context=Context())) for prompt in prompts)
        found = await asyncio.gather(*streams)
    assert [one.text for one in found] == [one.text for one in alone]
