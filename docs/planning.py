"""Writes what `ragstone model plan` prints into docs/local-models.md.

python docs/planning.py            # or: make docs
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from typer.testing import CliRunner

from ragstone.cli.app import app

PAGE = Path(__file__).with_name("local-models.md")
BLOCK = re.compile(
    r"```console\n(?P<command>\$ ragstone model plan(?:[^\n]*\\\n)*[^\n]*\n)(?P<shown>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


def page() -> str:
    """The page with what its commands print now."""
    return BLOCK.sub(
        lambda found: f"```console\n{found['command']}{_printed(found['command'])}```", PAGE.read_text("utf-8")
    )


def _printed(command: str) -> str:
    words = shlex.split(command.removeprefix("$ ragstone ").replace("\\\n", " "))
    return CliRunner().invoke(app, words).stdout


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
