"""A person's shell in a new project, with a model that follows a rule: pages of the handbook show what it prints."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rule_server import Messages, serving_rule

__all__ = ["PageShell", "page_shell"]


class PageShell:
    """Runs commands in `project`, as in a terminal of 80 columns."""

    def __init__(self, project: Path, environment: dict[str, str]) -> None:
        self.project, self._environment = project, environment

    def run(self, command: str, *, folder: Path | None = None) -> tuple[str, int]:
        """What a command prints, without spaces at the ends of its lines, and its exit code."""
        done = subprocess.run(
            shlex.split(command),
            cwd=folder or self.project,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines()), done.returncode

    def printed(self, command: str, *, folder: Path | None = None) -> str:
        """The same of a command that must succeed."""
        said, code = self.run(command, folder=folder)
        if code:
            raise SystemExit(f"{command} failed:\n{said}")
        return said

    def price(self, price: str) -> None:
        """Gives the model a price, in USD a million tokens."""
        local = self.project / "connectors" / "local.yaml"
        text = local.read_text(encoding="utf-8")
        local.write_text(re.sub(r"^price: .*$", f"price: {price}", text, flags=re.MULTILINE), encoding="utf-8")


@contextmanager
def page_shell(
    rule: Callable[[Messages], str], *, model: str, name: str = "mydocs", keep: Path | None = None
) -> Iterator[PageShell]:
    """A project of this name that `ragstone init` has made, gone with the block unless `keep` is where it stays."""
    with tempfile.TemporaryDirectory() as home, serving_rule(rule) as server:
        environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": home,
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "COLUMNS": "80",
            "RAGSTONE_LOCAL_URL": server.url,
            "RAGSTONE_LOCAL_MODEL": model,
        }
        folder = (keep or Path(home)).resolve()
        shell = PageShell(folder / name, environment)
        shell.printed(f"ragstone init {name} --model local", folder=folder)
        yield shell
