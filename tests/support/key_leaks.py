"""Finds keys where no key may stand: in what tests print and log, in reports of failures, and in the files they leave.

Every key in a test is made by `key("name")`, so that it can be known again wherever it turns up. At the end of a
session, in every worker, all that was written is searched; a key in it fails the session, and the test or the file is
named. A test that writes a key on purpose, as a user would, writes it into a file that `connectors/*.yaml` matches, or
into `.env`.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

MARK = "k3yc4n4ry"
"""Stands in every key."""

ALLOWED = ("connectors/*.yaml", ".env")
MOST = 64 << 20  # bytes of a file that are searched, its beginning
ALL = 1 << 30  # bytes of all files together

SPELLINGS = (MARK.encode(), MARK.encode("utf-16-le"))


def key(name: str) -> str:
    """A key that is known wherever it turns up, and looks like one: printable ASCII, without a space.

    >>> key("openai")
    'sk-k3yc4n4ry-openai-0123456789'
    """
    return f"sk-{MARK}-{name}-0123456789"


def files(folder: Path) -> Iterator[Path]:
    """The files below a folder that hold a key and may not, the first ones up to a total size."""
    left = ALL
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not (Path(place) / name).is_symlink()]
        for name in names:
            path = Path(place) / name
            if left <= 0:
                return
            if any(path.match(pattern) for pattern in ALLOWED):
                continue
            try:
                size = path.lstat().st_size if path.is_file() and not path.is_symlink() else 0
                found = size > 0 and _holds(path, min(size, MOST))
            except (OSError, ValueError):  # it may not be read, or is gone
                continue
            left -= min(size, MOST)
            if found:
                yield path


def _holds(path: Path, size: int) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as data:
        return any(data.find(spelling) >= 0 for spelling in SPELLINGS)


class KeyLeaks:
    """The plugin of one process."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.said: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Searches what a test has printed and logged, and how it failed, in the process where it ran."""
        if hasattr(report, "node"):
            return
        # The last report of a test has the sections of the others too.
        parts = [text for _, text in report.sections] if report.when == "teardown" else []
        if any(MARK in part for part in parts):
            self.said.append(f"what {report.nodeid} has printed or logged")
        if report.longrepr is not None and MARK in str(report.longrepr):
            self.said.append(f"how {report.nodeid} has failed ({report.when})")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Searches what is left in the folder of temporary files, and fails the session where a key stands."""
        base = getattr(getattr(self.config, "_tmp_path_factory", None), "_basetemp", None)
        if base is not None and not self.config.pluginmanager.hasplugin("dsession"):  # its workers have searched
            self.said += [f"the file {path.relative_to(base)}" for path in sorted(files(base))]
        if hasattr(self.config, "workeroutput"):
            self.config.workeroutput["key_leaks"] = self.said
        if self.said:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """Takes over what a worker has found."""
        self.said += getattr(node, "workeroutput", {}).get("key_leaks", [])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Names each place."""
        if self.said:
            terminalreporter.section("keys were written", red=True)
            for place in self.said:
                terminalreporter.line(f"A key stands in {place}.")
