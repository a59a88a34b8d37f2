"""Traces: steps with times, kept and found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragstone.errors import StateError
from ragstone.trace import Trace
from ragstone.tracing import store
from ragstone.tracing.store import TraceStore


def finished(name: str = "ask") -> Trace:
    trace = Trace(name)
    with trace.step("retrieve", k=8) as step:
        step.facts["found"] = 3
    return trace


def test_a_trace_comes_back_with_its_steps(tmp_path: Path):
    traces, trace = TraceStore(tmp_path / "traces.db"), finished()
    traces.keep(trace, tenant="default", question="Why?")
    found = traces.show(trace.id[:6], tenant="default")
    assert found is not None
    assert (found.id, found.name, dict(found.facts)) == (trace.id, "ask", {"question": "Why?"})
    assert [(step.name, step.facts) for step in found.steps] == [("retrieve", {"k": 8, "found": 3})]


def test_a_step_notes_the_error_that_passed_through_it():
    trace = Trace("ask")
    with pytest.raises(ValueError, match="broken"), trace.step("prompt"):
        raise ValueError("broken")
    assert trace.steps[0].error == "ValueError: broken"


def test_an_unknown_or_ambiguous_id_finds_nothing(tmp_path: Path):
    traces = TraceStore(tmp_path / "traces.db")
    assert traces.show("abc", tenant="default") is None
    traces.keep(finished(), tenant="default")
    assert traces.show("", tenant="default") is None
    assert not (tmp_path / "never.db").exists()
    assert TraceStore(tmp_path / "never.db").newest(tenant="default") == []
    assert not (tmp_path / "never.db").exists()


def test_only_the_newest_are_kept(tmp_path: Path):
    traces = TraceStore(tmp_path / "traces.db", kept=3)
    made = [finished() for _ in range(5)]
    for number, trace in enumerate(made):
        trace.started = float(number)
        traces.keep(trace, tenant="default")
    assert [found.id for found in traces.newest(tenant="default")] == [trace.id for trace in reversed(made[2:])]


def test_one_that_is_too_old_is_shown_to_nobody_and_goes_with_the_next(tmp_path: Path):
    now = 100 * store.DAY
    traces = TraceStore(tmp_path / "traces.db", days=30, clock=lambda: now)
    made = [finished() for _ in range(3)]
    for day, trace in zip((80, 90, 100), made, strict=True):
        trace.started = day * store.DAY
        traces.keep(trace, tenant="default")
    now = 115 * store.DAY
    assert [found.id for found in traces.newest(tenant="default")] == [made[2].id, made[1].id]
    assert traces.show(made[0].id, tenant="default") is None
    forever = TraceStore(tmp_path / "traces.db")
    assert len(forever.newest(tenant="default")) == 3, "nothing was written since"
    last = finished()
    last.started = now
    traces.keep(last, tenant="default")
    assert [found.id for found in forever.newest(tenant="default")] == [last.id, made[2].id, made[1].id]


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="traces cannot be kept"):
        TraceStore(tmp_path / "file" / "traces.db").keep(finished(), tenant="default")


def test_what_is_kept_soon_is_there_when_it_is_asked_for(tmp_path: Path):
    traces, made = TraceStore(tmp_path / "traces.db"), [finished() for _ in range(20)]
    for trace in made:
        traces.keep_soon(trace, tenant="default", question="Why?")
    assert {found.id for found in traces.newest(tenant="default")} == {trace.id for trace in made}
    traces.keep_soon(finished(), tenant="default", question="Who is Bob?")
    traces.forget("Bob", tenant="default")
    assert len(traces.newest(100, tenant="default")) == 20
    last = finished()
    traces.keep_soon(last, tenant="default")
    traces.close()
    again = TraceStore(tmp_path / "traces.db")
    assert again.show(last.id, tenant="default"), "closing waits for it"
    again.close()


def test_a_trace_that_cannot_be_kept_soon_is_said_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "file").write_text("")
    traces = TraceStore(tmp_path / "file" / "traces.db")
    traces.keep_soon(finished(), tenant="default")
    traces.close()
    assert "traces cannot be kept" in caplog.text


def test_a_file_that_was_damaged_may_be_deleted(tmp_path: Path):
    path = tmp_path / "traces.db"
    path.write_bytes(b"no database" * 1000)
    traces, trace = TraceStore(path), finished()
    with pytest.raises(StateError, match="may be deleted at any time"):
        traces.keep(trace, tenant="default")
    path.unlink()
    traces.keep(trace, tenant="default")
    assert traces.show(trace.id, tenant="default")
    traces.close()


def test_a_tenant_sees_its_own_traces_alone():
    traces, trace = TraceStore(None), finished()
    traces.keep(trace, tenant="a", question="Secret?")
    assert traces.show(trace.id, tenant="b") is None
    assert traces.newest(tenant="b") == []
    assert traces.newest(tenant="a")[0].id == trace.id


def test_a_closed_store_is_a_clear_error():
    traces = TraceStore(None)
    traces.close()
    with pytest.raises(StateError, match="traces cannot be kept"):
        traces.keep(finished(), tenant="a")


def test_those_of_a_moment_are_written_together_and_more_than_are_kept_do_not_pile_up(tmp_path: Path):
    traces = TraceStore(tmp_path / "traces.db")
    made = [finished() for _ in range(store.KEPT + 200)]
    for number, trace in enumerate(made):
        trace.started = float(number)
        traces.keep_soon(trace, tenant="default")
        assert len(traces._waiting) <= store.KEPT
    found = traces.newest(store.KEPT + 200, tenant="default")
    assert [one.id for one in found] == [trace.id for trace in reversed(made[200:])]
    traces.keep_soon(made[0], tenant="default")
    traces.close()
    again = TraceStore(tmp_path / "traces.db")
    assert again.show(made[0].id, tenant="default") is not None
