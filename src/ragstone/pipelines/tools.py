"""The tools that a model may use on its way to an answer, each use bounded in time and in size."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ragstone.errors import ConfigError, PromptError, RagstoneError, ToolFailed, UsageError, nearest
from ragstone.protocols import Observation, Tool
from ragstone.registry import find
from ragstone.retrieval.trim import cut
from ragstone.types import Context, Hit

if TYPE_CHECKING:
    from ragstone.pipelines.build import Builder

__all__ = [
    "BUILT_IN",
    "MOST_FOUND",
    "NO_TOOLS",
    "SEARCH",
    "SearchTool",
    "Tools",
    "built_in",
    "taken",
    "tool_faults",
    "unknown_tool",
]

CALCULATOR, SEARCH = "calculator", "search"
BUILT_IN = (CALCULATOR, SEARCH)

SECONDS = 10.0  # for one use
GRACE = 0.5  # seconds for what was stopped to end by itself
MOST = 4_000  # characters of what a tool says
MOST_IN_HITS = 8_000  # characters of the passages that it finds, together
MOST_FOUND = 5  # passages of one search
LONGEST_WORDS = 500  # characters of each part of its error
NOTED = 500  # characters of what was given, in a trace

Searching = Callable[[str, Context], Awaitable[Sequence[Hit]]]
Read = Callable[[Observation, str, Context], Awaitable[Observation]]
"""What of a tool's words and passages may be read, by its name. Raises CheckFailed."""


class SearchTool(Tool):
    """Finds passages as the answer's own search does: `search` has the caller's permissions, filters and tenant."""

    description = "Searches the documents for a question or for some words."

    def __init__(self, search: Searching) -> None:
        self._search, self.name = search, SEARCH

    async def use(self, given: str, *, context: Context) -> Observation:
        """The best passages, as hits. Raises ToolFailed for blank words, and where there are none."""
        if not given.strip():
            raise ToolFailed("there are no words to search for")
        hits = await self._search(given, context)
        if not hits:
            raise ToolFailed("nothing was found", hint="Search for other words.")
        return Observation(hits=tuple(hits))


class Tools:
    """The tools of one request by name, in order.

    A use takes at most `seconds`, and no longer than the request has. What it says is cut at `most` characters, and so
    are the passages among it: whole ones are left out at the end.

    >>> tools = Tools({"calculator": Calculator()})
    >>> (await tools.use("calculator", "15% of 80", context=context)).text
    '12'
    """

    def __init__(
        self, tools: Mapping[str, Tool], *, seconds: float = SECONDS, most: int = MOST, read: Read | None = None
    ) -> None:
        self._tools, self.seconds, self.most, self._read = dict(tools), seconds, most, read

    @property
    def descriptions(self) -> dict[str, str]:
        """What each tool does, by name."""
        return {name: tool.description for name, tool in self._tools.items()}

    async def use(self, name: str, given: str, *, context: Context) -> Observation:
        """What a tool finds. Raises ToolFailed, with words that a model may read, whatever has gone wrong.

        What a tool raises by mistake may hold a key or an address: only its type and its line are noted, in the trace.
        """
        with context.trace.step(f"tool.{name}", given=given[:NOTED]) as step:
            tool = self._tools.get(name)
            if tool is None:
                raise unknown_tool(name, self._tools)
            if context.bounds.tools is not None and context.purse.uses >= context.bounds.tools:
                raise ToolFailed(f"all {context.bounds.tools} uses of tools are taken", hint="Go on without it.")
            context.purse.uses += 1
            try:
                found = await self._bounded(tool, name, given, context)
                if not isinstance(cast("object", found), Observation):
                    raise TypeError(f"a tool gives an Observation, not a {type(found).__name__}")
                kept = self._kept(found, context)
            except (ToolFailed, UsageError) as error:
                raise _told(error, name) from error
            except Exception as error:
                step.facts["raised"] = _raised(error)
                raise ToolFailed("it is out of order", where=name, hint="Go on without it.") from error
            step.facts.update(characters=len(kept.text), cut=kept.cut, found=len(kept.hits))
        return kept if self._read is None else await self._read(kept, name, context)

    async def _bounded(self, tool: Tool, name: str, given: str, context: Context) -> Observation:
        """What it finds in time. One that does not even end when it is stopped is left behind, and holds up nobody."""
        inner = context.within(self.seconds)
        seconds = inner.remaining()
        using = asyncio.ensure_future(_contained(tool, given, inner))
        using.add_done_callback(_heard)
        try:
            done, _ = await asyncio.wait({using}, timeout=seconds)
            if not done:
                using.cancel()
                await asyncio.wait({using}, timeout=GRACE)
                raise ToolFailed(f"it took longer than {round(seconds or 0, 2):g} seconds", where=name)
        finally:
            using.cancel()
        if using.cancelled():
            raise ToolFailed("it broke off", where=name)
        return using.result()

    def _kept(self, found: Observation, context: Context) -> Observation:
        """What fits, of what the caller may see."""
        seen = {"public", *context.principals}
        hits: list[Hit] = []
        room = MOST_IN_HITS
        for hit in found.hits:
            if not seen & set(hit.chunk.acl):
                continue
            length = len(hit.chunk.embedded)
            if length > room and hits:
                break
            hits.append(hit if length <= room else replace(hit, chunk=cut(hit.chunk, 0, room)))
            room -= length
        text = _whole(found.text[: self.most])
        return Observation(text=text, hits=tuple(hits), cut=max(0, len(found.text) - self.most))


NO_TOOLS = Tools({})


async def _contained(tool: Tool, given: str, context: Context) -> Observation:
    """A use whose `sys.exit()` ends nothing but itself."""
    try:
        return await tool.use(given, context=context)
    except SystemExit as error:
        raise RuntimeError("it tried to end the program") from error


def _heard(using: asyncio.Future[Any]) -> None:
    """Takes note of how it ended, so that one that was left behind does not complain later."""
    if not using.cancelled():
        using.exception()


def _told(error: RagstoneError, name: str) -> ToolFailed:
    expected, found, hint = (_line(words) for words in (error.expected, error.found, error.hint))
    return ToolFailed(_line(error.message) or "it failed", where=name, expected=expected, found=found, hint=hint)


def _line(words: object) -> str | None:
    """Words of a tool on one line, and not many of them."""
    return None if words is None else _whole(" ".join(str(words)[:LONGEST_WORDS].split()))


def _whole(text: str) -> str:
    """A text with a sign in place of each half of a character: no model could be sent one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _raised(error: Exception) -> str:
    """The type of an error and the line that raised it; its words may be secret."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {Path(frames[-1].filename).name}, line {frames[-1].lineno}"


# ── Which tools there are ───────────────────────────────────────────────────────────────────────────────────────────


def built_in(name: str) -> Tool | None:
    """A tool that needs no file; None for any other, and for `search`, which an answer pipeline makes of its own."""
    if name != CALCULATOR:
        return None
    made = cast("Callable[[], Tool]", find("tool", CALCULATOR))()
    made.name = CALCULATOR
    return made


async def taken(
    names: Collection[str],
    connector: Callable[[str], Tool | None],
    *,
    search: Tool | None = None,
    read: Read | None = None,
) -> Tools:
    """The tools of these names. `connector` gives one by its name and may block; `search` is there unless it does.

    What they find is `read` first.

    Raises ConfigError for one that is not there.
    """
    if not names:
        return NO_TOOLS

    def made() -> dict[str, Tool]:
        found = {name: connector(name) or (search if name == SEARCH else None) for name in names}
        for name, tool in found.items():
            if tool is None:
                raise unknown_tool(name, BUILT_IN, of=ConfigError)
        return {name: tool for name, tool in found.items() if tool is not None}

    return Tools(await asyncio.to_thread(made), read=read)


def unknown_tool(name: str, names: Collection[str], *, of: Any = ToolFailed) -> Any:
    """The error for a tool that is not there, with those that are."""
    expected = "one of " + ", ".join(names) if names else "no tool at all"
    return of(f"there is no tool {name!r}", expected=expected, hint=nearest(name, names))


def tool_faults(names: Mapping[str, str], builder: Builder) -> Iterator[PromptError]:
    """The tools that a prompt file names, each with its place there, and its project does not have."""
    for name, where in names.items():
        try:
            if name != SEARCH and builder.tool(name) is None:
                known = builder.tool_names
                hint = nearest(name, known) or f"Write connectors/{name}.yaml with `kind: tool`."
                expected = "one of " + ", ".join(known)
                yield PromptError(f"there is no tool {name!r}", where=where, expected=expected, hint=hint)
        except ConfigError as error:
            yield PromptError(error.message, where=error.where, expected=error.expected, hint=error.hint)
