"""A tool of one's own: a class in a Python file of the project.

    kind: tool
    type: python
    file: connectors/weather.py
    arguments: {unit: celsius}          # what its constructor takes

It runs code that the file names, so the project must allow it: `plugins = true` under `[tool.ragstone]`. The tool has a
thread and an event loop of its own, so one that blocks where it should wait holds up nothing but itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import sys
import threading
import traceback
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, TypeVar, cast

from ragstone.errors import ConfigError, RagstoneError, nearest
from ragstone.protocols import Observation, Tool
from ragstone.types import Context

__all__ = ["PythonTool"]

T = TypeVar("T")

PATIENCE = 1.0  # seconds that a tool has to close


class PythonTool(Tool):
    """The one subclass of Tool in `file`; where the file holds several, `tool` names it."""

    runs_code: ClassVar[bool] = True

    def __init__(
        self,
        file: Path,
        *,
        tool: str = "",
        arguments: dict[str, Any] = {},  # noqa: B006 - only read, and shown as this key's default
    ) -> None:
        self._tool = _made(_class(_module(file), tool, file), arguments, file)
        self.description = " ".join(str(getattr(self._tool, "description", "")).split())
        if not self.description:
            hint = "Say in one line what it does and what it is given."
            raise ConfigError(f"the tool {type(self._tool).__name__} has no description", where=str(file), hint=hint)
        self.capabilities = self._tool.capabilities

        self._aside = _Aside()

    async def load(self) -> None:
        """Starts the tool."""
        await self._aside.run(self._tool.load())

    async def use(self, given: str, *, context: Context) -> Observation:
        """What the tool finds."""
        return await self._aside.run(self._tool.use(given, context=context))

    async def close(self) -> None:
        """Closes the tool; one that still blocks is left behind."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._aside.run(self._tool.close())
        await asyncio.to_thread(self._aside.end)


class _Aside:
    """A thread with an event loop, from its first use on."""

    def __init__(self) -> None:
        self._one = threading.Lock()
        self._running: tuple[asyncio.AbstractEventLoop, threading.Thread] | None = None

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What comes of the work over there. Cancelling it cancels that."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_contained(work), self._loop()))

    def _loop(self) -> asyncio.AbstractEventLoop:
        with self._one:
            if self._running is None:
                loop = asyncio.new_event_loop()
                thread = threading.Thread(target=loop.run_forever, name="ragstone tool", daemon=True)
                thread.start()
                self._running = loop, thread
            return self._running[0]

    def end(self) -> None:
        """Ends the thread, unless something blocks it."""
        with self._one:
            if self._running is None:
                return
            loop, thread = self._running
            loop.call_soon_threadsafe(loop.stop)
            thread.join(PATIENCE)
            if not thread.is_alive():
                loop.close()
            self._running = None


async def _contained(work: Coroutine[Any, Any, T]) -> T:
    """The work, whose `sys.exit()` ends nothing but itself."""
    try:
        return await work
    except SystemExit as error:
        raise RuntimeError("it tried to end the program") from error


def _module(file: Path) -> ModuleType:
    """What the file holds. It has a name of its own, so that it hides no module that is installed."""
    if not file.is_file():
        raise ConfigError("there is no such file", where=str(file), hint="Write it, or correct `file`.")
    name = f"ragstone_tool_{hashlib.blake2b(str(file.resolve()).encode(), digest_size=8).hexdigest()}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ConfigError("is no Python file", where=str(file), expected="a name that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # a dataclass looks up its own module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ConfigError(f"is no valid Python: {error.msg}", where=f"{file}:{error.lineno}:{error.offset}") from error
    except Exception as error:  # it is anyone's code
        raise ConfigError(f"cannot be run: {type(error).__name__}: {error}", where=_place(file, error)) from error
    return module


def _class(module: ModuleType, name: str, file: Path) -> type[Tool]:
    classes = {key: value for key, value in vars(module).items() if isinstance(value, type)}
    own = {key: one for key, one in classes.items() if issubclass(one, Tool) and one.__module__ == module.__name__}
    expected = "one of " + ", ".join(sorted(own)) if own else "a class that inherits from ragstone.protocols.Tool"
    if name and name not in own:
        raise ConfigError(f"holds no tool {name!r}", where=str(file), expected=expected, hint=nearest(name, own))
    if not name and len(own) != 1:
        found = "several tools" if own else "none"
        raise ConfigError("which tool is meant is not clear", where=str(file), expected=expected, found=found,
                          hint="Name it: add `tool: …`." if own else None)  # fmt: skip
    return own[name] if name else next(iter(own.values()))


def _made(found: type[Tool], arguments: dict[str, Any], file: Path) -> Tool:
    try:
        return found(**arguments)
    except RagstoneError:
        raise
    except Exception as error:  # it is anyone's code
        message = f"{found.__name__} cannot be made of its `arguments`: {type(error).__name__}: {error}"
        raise ConfigError(message, where=_place(file, error)) from error


def _place(file: Path, error: Exception) -> str:
    """The line of the file that an error comes from."""
    frames = cast("list[traceback.FrameSummary]", traceback.extract_tb(error.__traceback__))
    lines = [frame.lineno for frame in frames if frame.filename == str(file)]
    return f"{file}:{lines[-1]}" if lines else str(file)
