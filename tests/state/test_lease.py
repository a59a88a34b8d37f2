"""The lock between machines."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ragstone.errors import IndexBusy
from ragstone.state import lease
from ragstone.state.lease import LeaseLock


def test_another_machine_is_kept_out_while_its_holder_renews_the_mark(tmp_path: Path):
    path = tmp_path / "lock"
    path.write_text("ragstone ingest (process 7) on elsewhere")
    with pytest.raises(IndexBusy, match=r"in use by ragstone ingest \(process 7\) on elsewhere"):
        LeaseLock(path, purpose="test", host="here").acquire()
    os.utime(path, (0, time.time() - lease.LEASE - 1))
    with LeaseLock(path, purpose="test", host="here") as held:
        assert held.holder() == f"test (process {os.getpid()}) on here"


def test_a_dead_process_of_this_machine_leaves_it_free_at_once(tmp_path: Path):
    path = tmp_path / "lock"
    path.write_text("ragstone ingest (process 7) on here")
    with LeaseLock(path, purpose="test", host="here"):
        pass
    assert path.read_text() == ""


def test_the_mark_is_renewed_while_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lease, "LEASE", 0.2)
    path = tmp_path / "lock"
    with LeaseLock(path, purpose="test"):
        os.utime(path, (0, 0))
        deadline = time.monotonic() + 20
        while path.stat().st_mtime < 1:
            assert time.monotonic() < deadline
            os.sched_yield()
