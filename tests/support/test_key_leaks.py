"""The search for keys finds one wherever it stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parent

CONFTEST = """
import sys
sys.path.insert(0, {support!r})
import key_leaks

def pytest_configure(config):
    config.pluginmanager.register(key_leaks.KeyLeaks(config), "key_leaks")
"""

SAID = (
    "print(key('x'))",
    "import sys; sys.stderr.write(repr({'headers': key('x')}))",
    "import logging; logging.getLogger('any').warning('denied: %s', key('x'))",
)
KEPT = {
    "a.log": "(tmp_path / 'a.log').write_text('x' * 100_000 + key('x'))",
    "b.bin": "(tmp_path / 'b.bin').write_bytes(bytes(range(256)) + key('x').encode('utf-16-le'))",
    "c.db": "(tmp_path / 'c').mkdir(); (tmp_path / 'c' / 'c.db').write_text(key('x'))",
    "d.db": "import sqlite3; db = sqlite3.connect(tmp_path / 'd.db'); db.execute('CREATE TABLE t (a)');"
    " db.execute('INSERT INTO t VALUES (?)', (key('x'),)); db.commit(); db.close()",
}
FINE = (
    "assert key('x') != key('y')",
    "(tmp_path / 'connectors').mkdir(); (tmp_path / 'connectors' / 'a.yaml').write_text('api_key: ' + key('x'))",
    "(tmp_path / 'a.log').write_text('api_key: [key]')",
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that is gone before our own search."""
    made = tmp_path / "planted"
    made.mkdir()
    (made / "conftest.py").write_text(CONFTEST.format(support=str(SUPPORT)))
    yield made
    shutil.rmtree(made)


def session(folder: Path, codes: Iterable[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    tests = "".join(f"def test_{number}(tmp_path):\n    {code}\n\n" for number, code in enumerate(codes))
    (folder / "test_it.py").write_text(f"from key_leaks import key\n\n{tests}")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", "base", "-c", os.devnull]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    return subprocess.run([*command, "--rootdir=.", *arguments], cwd=folder, capture_output=True, text=True, env=alone)


def found(done: subprocess.CompletedProcess[str]) -> list[str]:
    lines = [line for line in done.stdout.splitlines() if line.startswith("A key stands in ")]
    return sorted(line.removeprefix("A key stands in ").rstrip(".") for line in lines)


@pytest.mark.parametrize("workers", [(), ("-p", "xdist.plugin", "-n", "2")], ids=["alone", "workers"])
def test_a_key_that_is_written_fails_the_session(folder: Path, workers: tuple[str, ...]) -> None:
    done = session(folder, [*SAID, *KEPT.values()], *workers)
    assert done.returncode == 1, done.stdout
    assert "7 passed" in done.stdout
    places = found(done)
    assert [Path(place).name for place in places if place.startswith("the file")] == list(KEPT)
    said = [f"what test_it.py::test_{number} has printed or logged" for number in range(len(SAID))]
    assert [place for place in places if not place.startswith("the file")] == said


def test_a_key_in_the_message_of_a_failure_is_found(folder: Path) -> None:
    assert found(session(folder, ["raise ValueError(key('x'))"])) == ["how test_it.py::test_0 has failed (call)"]


def test_where_a_key_may_stand_it_is_not_found(folder: Path) -> None:
    done = session(folder, FINE)
    assert done.returncode == 0, done.stdout
    assert found(done) == []
