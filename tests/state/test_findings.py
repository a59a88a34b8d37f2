from __future__ import annotations

from pathlib import Path

from ragstone.state.findings import DAY, Findings, key_of

KEY = key_of("http://gpu:8000/v1", "m")


def test_what_was_found_is_there_for_another_process_for_a_day(tmp_path: Path) -> None:
    now = 1_000_000.0
    first = Findings(tmp_path / "cache.db", clock=lambda: now)
    first.put(KEY, {"structured": "schema"})
    first.close()
    second = Findings(tmp_path / "cache.db", clock=lambda: now)
    assert second.get(KEY) == {"structured": "schema"}
    assert second.get(key_of("other")) is None
    now += DAY
    assert second.get(KEY) is None
    second.close()


def test_a_finding_of_the_future_is_none(tmp_path: Path) -> None:
    now = 1_000_000.0
    findings = Findings(tmp_path / "cache.db", clock=lambda: now)
    findings.put(KEY, {})
    now -= 10
    assert findings.get(KEY) is None
    findings.close()


def test_who_only_reads_makes_no_file(tmp_path: Path) -> None:
    assert Findings(tmp_path / "cache.db").get(KEY) is None
    assert not (tmp_path / "cache.db").exists()


def test_keys_differ_with_every_part_and_tell_nothing() -> None:
    assert len({key_of("a", "b"), key_of("ab"), key_of("a", "b", None), key_of("b", "a")}) == 4
    assert b"gpu" not in KEY
