"""The lock between processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ragstone.errors import IndexBusy
from ragstone.state.lock import FileLock

HOLD = """
import sys
from pathlib import Path
from ragstone.state.lock import FileLock
with FileLock(Path(sys.argv[1]), purpose="ragstone ingest", shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(path: Path, mode: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def let_go(process: subprocess.Popen[str]) -> None:
    process.communicate()


def test_a_second_writer_is_told_who_holds_the_lock(tmp_path: Path):
    process = holder(tmp_path / "lock", "alone")
    with pytest.raises(IndexBusy, match=rf"in use by ragstone ingest \(process {process.pid}\)"):
        FileLock(tmp_path / "lock", purpose="test").acquire()
    let_go(process)
    with FileLock(tmp_path / "lock", purpose="test"):
        pass


def test_readers_share_and_keep_a_writer_out(tmp_path: Path):
    process = holder(tmp_path / "lock", "shared")
    with FileLock(tmp_path / "lock", purpose="test", shared=True):
        pass
    with pytest.raises(IndexBusy):
        FileLock(tmp_path / "lock", purpose="test").acquire()
    let_go(process)


def test_a_killed_holder_leaves_the_lock_free(tmp_path: Path):
    process = holder(tmp_path / "lock", "alone")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    with FileLock(tmp_path / "lock", purpose="test"):
        pass


def test_releasing_twice_is_harmless(tmp_path: Path):
    lock = FileLock(tmp_path / "lock", purpose="test")
    lock.acquire()
    lock.release()
    lock.release()
