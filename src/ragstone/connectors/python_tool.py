"""A tool of one's own: a class in a Python file of the project.

    kind: tool
    type: python
    file: connectors/weather.py
    arguments: {unit: celsius}          # what its constructor takes

It runs code that the file names, so the project must allow it: `plugins = true` under `[tool.ragstone]`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, cast

from ragstone.errors import ConfigError, RagstoneError, nearest
from ragstone.protocols import Observation, Tool
from ragstone.types import Context

__all__ = ["PythonTool"]


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

    async def load(self) -> None:
        """Starts the tool."""
        await self._tool.load()

    async def use(self, given: str, *, context: Context) -> Observation:
        """What the tool finds."""
        return await self._tool.use(given, context=context)

    async def close(self) -> None:
        """Closes the tool."""
        await self._tool.close()


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
