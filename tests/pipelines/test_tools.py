"""A tool that is missing, raises, or never ends costs a step and nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from key_leaks import key
from ragstone.config import read_yaml
from ragstone.connectors.calculator import Calculator
from ragstone.errors import ConfigError, ToolFailed
from ragstone.pipelines.build import Builder
from ragstone.pipelines.tools import MOST_IN_HITS, SearchTool, Tools, taken, tool_faults
from ragstone.protocols import Observation, Tool
from ragstone.testing import Hang, ScriptedTool
from ragstone.testing.suites import ToolSuite
from ragstone.testing.suites.samples import chunk
from ragstone.trace import Trace
from ragstone.types import Context, Hit

SECRET = key("tool")


def hit(name: str, *, acl: tuple[str, ...] = ("public",), text: str = "") -> Hit:
    made = chunk(name, acl=acl)
    return Hit(replace(made, text=text or made.text, end=len(text or made.text)), 1, {})


class TestSearchTool(ToolSuite):
    given, refused = "halibut", "nothing at all"

    def make(self, tmp_path: Path) -> SearchTool:
        async def search(given: str, context: Context) -> list[Hit]:
            return [hit("halibut")] if "halibut" in given else []

        return SearchTool(search)


def context() -> Context:
    return Context(trace=Trace("test"))


async def refused(tools: Tools, name: str, given: str = "x", *, within: Context | None = None) -> str:
    with pytest.raises(ToolFailed) as caught:
        await tools.use(name, given, context=within or context())
    return str(caught.value)


async def test_what_a_tool_finds_is_traced_with_what_it_was_given() -> None:
    asked = context()
    found = await Tools({"calculator": Calculator()}).use("calculator", "15% of 80", context=asked)
    assert found == Observation(text="12")
    (step,) = asked.trace.steps
    assert (step.name, step.error) == ("tool.calculator", None)
    assert step.facts == {"given": "15% of 80", "characters": 2, "cut": 0, "found": 0}


async def test_a_tool_that_is_missing_is_named_with_those_that_are_there() -> None:
    tools = Tools({"search": ScriptedTool([]), "calculator": Calculator()})
    told = await refused(tools, "calculater")
    assert told == ("there is no tool 'calculater': expected one of search, calculator. Did you mean 'calculator'?")


async def test_what_a_tool_says_of_its_failure_is_told_in_one_line() -> None:
    asked = context()
    failing = ToolFailed("there is no\nsuch town", expected="a town", found="'x'", hint="Ask for Bergen.")
    told = await refused(Tools({"weather": ScriptedTool([failing])}), "weather", within=asked)
    assert told == "weather: there is no such town: expected a town, found 'x'. Ask for Bergen."
    assert asked.trace.steps[0].error == f"ToolFailed: {told}"


class Broken(Tool):
    """Raises anything, or gives what is no observation."""

    description = "Breaks."

    def __init__(self, does: Any) -> None:
        self.does = does

    async def use(self, given: str, *, context: Context) -> Observation:
        if isinstance(self.does, BaseException):
            raise self.does
        return self.does


@pytest.mark.parametrize(
    ("does", "raised"),
    [
        (KeyError(SECRET), "KeyError in test_tools.py, line "),
        (RecursionError(SECRET), "RecursionError in test_tools.py"),
        (ConfigError(SECRET), "ConfigError in test_tools.py"),
        (TimeoutError(SECRET), "TimeoutError in test_tools.py"),
        (SystemExit(SECRET), "RuntimeError in tools.py"),
        (SECRET, "TypeError in tools.py"),
        (None, "TypeError in tools.py"),
    ],
)
async def test_any_other_error_is_told_without_its_words(does: Any, raised: str) -> None:
    asked = context()
    told = await refused(Tools({"weather": Broken(does)}), "weather", within=asked)
    assert told == "weather: it is out of order. Go on without it."
    (step,) = asked.trace.steps
    assert step.facts["raised"].startswith(raised)
    assert SECRET not in repr(step)


async def test_a_tool_that_breaks_itself_off_ends_nothing_else() -> None:
    assert await refused(Tools({"weather": Broken(asyncio.CancelledError())}), "weather") == "weather: it broke off"


@pytest.mark.parametrize("stubborn", [False, True])
async def test_a_tool_that_never_ends_is_stopped_and_holds_up_nobody(stubborn: bool) -> None:
    tool = ScriptedTool([Hang(stubborn)])
    try:
        told = await refused(Tools({"weather": tool}, seconds=0.01), "weather")
    finally:
        tool.release()  # else the end of the test would wait for it
    assert told == "weather: it took longer than 0.01 seconds"
    assert tool.stopped >= 1


async def test_no_use_outlasts_the_request() -> None:
    tool = ScriptedTool([Hang()])
    told = await refused(Tools({"weather": tool}), "weather", within=context().within(0.01))
    assert told == "weather: it took longer than 0.01 seconds"


async def test_a_request_that_is_cancelled_stops_its_tool() -> None:
    tool = ScriptedTool([Hang()])
    using = asyncio.ensure_future(Tools({"weather": tool}).use("weather", "x", context=context()))
    await tool.begun.wait()
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    await asyncio.sleep(0)
    assert tool.stopped == 1


async def test_what_is_too_long_is_cut_and_says_by_how_much() -> None:
    found = await Tools({"page": ScriptedTool(["x" * 30])}, most=10).use("page", "x", context=context())
    assert (found.text, found.cut) == ("x" * 10, 20)


async def test_passages_are_left_out_whole_and_the_first_is_cut_if_it_must_be() -> None:
    half = MOST_IN_HITS // 2
    three = Observation(hits=tuple(hit(name, text=name * half) for name in "abc"))
    long = Observation(hits=(hit("d", text="d" * (MOST_IN_HITS + 5)), hit("e")))
    tools = Tools({"find": ScriptedTool([three, long])})
    assert [one.chunk.id for one in (await tools.use("find", "x", context=context())).hits] == ["a", "b"]
    (only,) = (await tools.use("find", "x", context=context())).hits
    assert (len(only.chunk.text), only.chunk.end) == (MOST_IN_HITS, MOST_IN_HITS)


async def test_passages_that_the_caller_may_not_see_are_left_out() -> None:
    found = Observation(hits=(hit("open"), hit("secret", acl=("group:hr",)), hit("nobody", acl=())))
    tools = Tools({"find": ScriptedTool(lambda given: found)})
    assert [one.chunk.id for one in (await tools.use("find", "x", context=context())).hits] == ["open"]
    hr = replace(context(), principals=frozenset({"group:hr"}))
    assert [one.chunk.id for one in (await tools.use("find", "x", context=hr)).hits] == ["open", "secret"]


# ── Which tools there are ───────────────────────────────────────────────────────────────────────────────────────────


def builder(folder: Path, **files: str) -> Builder:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return Builder(folder, {name: read_yaml(folder / f"{name}.yaml") for name in files})


async def test_search_and_calculator_need_no_file(tmp_path: Path) -> None:
    search = ScriptedTool(["found"])
    tools = await taken(["search", "calculator"], builder(tmp_path).tool, search=search)
    assert list(tools.descriptions) == ["search", "calculator"]
    assert (await tools.use("search", "x", context=context())).text == "found"
    assert (await tools.use("calculator", "1 + 1", context=context())).text == "2"


async def test_a_file_of_the_same_name_wins_if_it_is_of_a_tool(tmp_path: Path) -> None:
    search = ScriptedTool(["found"])
    own = builder(tmp_path, search="kind: tool\ntype: calculator\n", calculator="kind: lexical\ntype: tantivy\n")
    tools = await taken(["search", "calculator"], own.tool, search=search)
    assert (await tools.use("search", "1 + 1", context=context())).text == "2"
    assert (await tools.use("calculator", "1 + 1", context=context())).text == "2"
    assert own.tool("search") is own.tool("search")


async def test_a_tool_that_is_not_there_is_an_error_with_the_nearest_name(tmp_path: Path) -> None:
    own = builder(tmp_path, sums="kind: tool\ntype: calculator\n", broken="- 1\n")
    assert own.tool_names == ["calculator", "search", "sums"]
    with pytest.raises(ConfigError, match="there is no tool 'sum'"):
        await taken(["sum"], own.tool)
    (fault,) = tool_faults({"sum": "a.prompty:9:1", "sums": "", "search": ""}, own)
    assert str(fault) == (
        "a.prompty:9:1: there is no tool 'sum': expected one of calculator, search, sums. Did you mean 'sums'?"
    )
    with pytest.raises(ConfigError, match="there is no tool 'search'"):
        await taken(["search"], own.tool)


@pytest.mark.parametrize(
    "found",
    [
        Observation(text=cast("Any", b"21")),
        Observation(text=cast("Any", None)),
        Observation(hits=cast("Any", ["x"])),
    ],
)
async def test_a_tool_that_finds_what_is_no_observation_is_out_of_order(found: Observation) -> None:
    assert "out of order" in await refused(Tools({"odd": ScriptedTool([found])}), "odd")


async def test_an_error_without_end_is_told_in_part() -> None:
    words = "no " * 100_000
    tool = ScriptedTool([ToolFailed(words, expected=words, found=words, hint=words)])
    assert len(await refused(Tools({"odd": tool}), "odd")) < 2_200
    tool = ScriptedTool([ToolFailed(cast("Any", 404))])
    assert "404" in await refused(Tools({"odd": tool}), "odd")


async def test_half_a_character_of_a_tool_is_replaced() -> None:
    tools = Tools({"odd": ScriptedTool([Observation(text="a\ud800\U0001f980"), ToolFailed("b\udc00")])})
    assert (await tools.use("odd", "x", context=context())).text == "a\ufffd\U0001f980"
    assert "b\ufffd" in await refused(tools, "odd")
