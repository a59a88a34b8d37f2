"""A tool of one's own, from a file of the project."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ragstone.connectors.python_tool import PythonTool
from ragstone.errors import ConfigError, ToolFailed
from ragstone.pipelines.tools import Tools
from ragstone.project import Project
from ragstone.testing.suites import ToolSuite
from ragstone.types import Context

PAGE = (Path(__file__).parents[2] / "docs" / "tools.md").read_text(encoding="utf-8")
(DAYS,) = re.findall(r"```python\n(# connectors/days\.py\n.*?)```", PAGE, re.DOTALL)
HEAD = "from dataclasses import dataclass\nfrom ragstone.protocols import Observation, Tool\n\n\n"
ECHO = '''class Echo(Tool):
    description = """Says
    it again."""

    def __init__(self, *, times: int = 1) -> None:
        self.times = times
        self.closed = 0

    async def use(self, given, *, context):
        return Observation(text=given * self.times)

    async def close(self):
        self.closed += 1
'''
OTHER = ECHO.replace("Echo", "Other")


class TestTheToolOfTheHandbook(ToolSuite):
    given, refused = "2031-05-03 to 2031-06-01", "soon"

    def make(self, tmp_path: Path) -> PythonTool:
        return PythonTool(written(tmp_path, DAYS))


def written(folder: Path, code: str) -> Path:
    path = folder / "mine.py"
    path.write_text(code)
    return path


async def test_it_counts_days(tmp_path: Path) -> None:
    tool = PythonTool(written(tmp_path, DAYS))
    assert (await tool.use("2031-05-03 to 2031-06-01", context=Context())).text == "29 days"
    await tool.close()


async def test_the_only_tool_of_a_file_takes_its_arguments_and_is_closed(tmp_path: Path) -> None:
    tool = PythonTool(written(tmp_path, HEAD + ECHO), arguments={"times": 2})
    assert tool.description == "Says it again."
    assert (await tool.use("ho", context=Context())).text == "hoho"
    await tool.close()
    assert tool._tool.closed == 1  # type: ignore[attr-defined]


BLOCKS = """import threading


class Blocks(Tool):
    description = "Blocks where it should wait."
    free = threading.Event()

    async def use(self, given, *, context):
        if given == "exit":
            raise SystemExit
        self.free.wait()
        return Observation(text="let go")
"""


async def test_a_tool_that_blocks_holds_up_nothing_but_itself(tmp_path: Path) -> None:
    tool = PythonTool(written(tmp_path, HEAD + BLOCKS))
    tools = Tools({"blocks": tool}, seconds=0.5)
    for told in ("out of order", "took longer than 0.5 seconds", "took longer than 0.5 seconds"):
        with pytest.raises(ToolFailed, match=told):
            await tools.use("blocks", "exit" if told == "out of order" else "x", context=Context())
    tool._tool.free.set()  # type: ignore[attr-defined]
    assert (await tool.use("x", context=Context())).text == "let go"
    await tool.close()


def test_a_file_of_several_tools_needs_a_name(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + ECHO + "\n\n" + OTHER)
    assert type(PythonTool(path, tool="Other")._tool).__name__ == "Other"
    with pytest.raises(ConfigError, match="which tool is meant is not clear: expected one of Echo, Other"):
        PythonTool(path)
    with pytest.raises(ConfigError, match=r"holds no tool 'Eco'.* Did you mean 'Echo'"):
        PythonTool(path, tool="Eco")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("class Echo(Tool:\n", r"mine\.py:1:[0-9]+: is no valid Python"),
        ("x = 1\n\nraise KeyError('no')\n", r"mine\.py:3: cannot be run: KeyError: 'no'"),
        ("import nothing_of_this_name\n", r"mine\.py:1: cannot be run: ModuleNotFoundError"),
        ("from ragstone.protocols import Tool\n", r"mine\.py: which tool is meant is not clear: .*found none"),
        (HEAD + ECHO.replace("self.times = times", "self.times = 1 / times"), r"mine\.py:10: Echo cannot be made"),
        (HEAD + "class Echo(Tool):\n    description = 'x'\n", r"Echo cannot be made .* abstract method '?use'?"),
        (HEAD + ECHO.replace("description", "about"), r"mine\.py: the tool Echo has no description"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_line(tmp_path: Path, code: str, words: str) -> None:
    arguments = {"times": 0} if "1 / times" in code else {}
    with pytest.raises(ConfigError, match=words):
        PythonTool(written(tmp_path, code), arguments=arguments)


def test_a_project_must_allow_it_and_check_says_what_is_wrong(tmp_path: Path) -> None:
    for folder in ("connectors", "pipelines", "prompts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.ragstone]\n")
    (tmp_path / "connectors" / "echo.yaml").write_text("kind: tool\ntype: python\nfile: connectors/echo.py\n")

    def faults() -> list[str]:
        return [str(fault).removeprefix(f"{tmp_path}/connectors/") for fault in Project(tmp_path).faults()]

    (refused,) = faults()
    assert "the project does not allow that" in refused
    (tmp_path / "pyproject.toml").write_text("[tool.ragstone]\nplugins = true\n")
    assert faults() == ["echo.py: there is no such file. Write it, or correct `file`."]
    (tmp_path / "connectors" / "echo.py").write_text(HEAD + ECHO)
    assert faults() == []
    (tmp_path / "connectors" / "echo.py").write_text("raise OSError\n")
    assert faults() == ["echo.py:1: cannot be run: OSError: "]
