"""Code that can be read by its language; nothing of it is ever run.

- code: {language: python, on_fail: reask}
"""

from __future__ import annotations

import ast
import asyncio
import json
import re
import warnings
from collections.abc import Iterator
from typing import ClassVar, Literal, TypeAlias

import yaml

from ragstone.protocols import Check
from ragstone.types import Context
from ragstone.verdicts import PASSED, Finding, Flaw, Stage, Subject

__all__ = ["CodeCheck"]

Language: TypeAlias = Literal["python", "json", "yaml"]

_FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<mark>```+|~~~+)[ \t]*(?P<info>[^\n`]*)$", re.MULTILINE)
_NAMES: dict[str, frozenset[str]] = {
    "python": frozenset({"python", "py", "python3"}),
    "json": frozenset({"json"}),
    "yaml": frozenset({"yaml", "yml"}),
}


class CodeCheck(Check):
    """Each fenced block of a `language` can be parsed; with `whole`, all of the text is code and has no fences.

    A block without a language is not judged. One that is never closed ends with the text.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("output", "input")

    def __init__(self, *, language: Language, whole: bool = False) -> None:
        self.language: Language = language
        self.all = whole

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """Fails a text that holds a block with a fault, and names its line."""
        return await asyncio.to_thread(self._found, subject.text)

    def _found(self, text: str) -> Finding:
        flaws: list[Flaw] = []
        for start, end, indent in [(0, len(text), "")] if self.all else _blocks(text, _NAMES[self.language]):
            block = text[start:end]
            fault = _fault(_dedented(block, indent), self.language)
            if fault is not None:
                line, what = fault
                place = text.count("\n", 0, start) + line
                flaws.append(Flaw(start, end, f"line {place}: {what}", self.language))
        if not flaws:
            return PASSED
        reason = f"its {self.language} cannot be read: " + "; ".join(flaw.reason for flaw in flaws[:3])
        return Finding(passed=False, reason=reason, flaws=tuple(flaws), told=f"its {self.language} cannot be read")


def _blocks(text: str, names: frozenset[str]) -> Iterator[tuple[int, int, str]]:
    """The ranges between fences that name one of these languages, and by how much their fence is indented."""
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif fence["mark"].startswith(opened["mark"]) and not fence["info"].strip():
            if _language(opened) in names:
                yield min(opened.end() + 1, fence.start()), fence.start(), opened["indent"]
            opened = None
    if opened is not None and _language(opened) in names:
        yield min(opened.end() + 1, len(text)), len(text), opened["indent"]


def _language(fence: re.Match[str]) -> str:
    return fence["info"].strip().partition(" ")[0].strip("{}.").casefold()


def _dedented(block: str, indent: str) -> str:
    return block if not indent else "\n".join(line.removeprefix(indent) for line in block.split("\n"))


def _fault(code: str, language: Language) -> tuple[int, str] | None:
    """The line, from 1, and what is wrong with it; None for code that can be read."""
    if language == "python":
        return _python(code)
    if language == "json":
        try:
            json.loads(code)
        except json.JSONDecodeError as error:
            return error.lineno, error.msg
        except (ValueError, RecursionError):
            return 1, "it is nested too deeply, or holds a number of thousands of digits"
        return None
    return _yaml(code)


def _python(code: str) -> tuple[int, str] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape is no fault of this kind
            ast.parse(code)
    except SyntaxError as error:
        return error.lineno or 1, error.msg
    except (RecursionError, MemoryError):  # its parser says so of too many brackets, signs or branches
        return 1, "it is nested too deeply"
    except ValueError as error:  # a NUL, half a character
        return 1, str(error)
    return None


def _yaml(code: str) -> tuple[int, str] | None:
    """The events alone: no value is made, so nothing expands, and there is no depth to go down."""
    try:
        for _ in yaml.parse(code, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return (mark.line + 1 if mark else 1), str(error.problem)
    except (yaml.YAMLError, UnicodeEncodeError, RecursionError) as error:
        return 1, str(error).partition("\n")[0]
    return None
