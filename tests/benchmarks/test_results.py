"""What follows from the runs, what is kept of earlier ones, and the page that is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bench import markdown, results
from hypothesis import given
from hypothesis import strategies as st

POSITIVE = st.floats(min_value=0.001, max_value=1e6)


def result(ours: list[float], peers: dict[str, list[float]], *, better: str = "lower", behind: str = "") -> Any:
    sides = [{"name": name, "ours": name == "ragstone", "packages": {name: "1.0"}, "failed": None, "notes": [],
              "runs": {"wait": runs}} for name, runs in {"ragstone": ours, **peers}.items()]  # fmt: skip
    machine = {"cores": 4, "cpu": "a CPU", "memory": 24, "system": "Linux 6.1", "python": "3.11.7"}
    measures = [{"name": "wait", "unit": "ms", "better": better, "digits": 1}]
    return results.summed(
        {"title": "Waiting", "what": "Waits.", "behind": behind, "date": "2026-11-22", "mode": "full",
         "machine": machine, "load": 0.5, "repeats": len(ours), "measures": measures, "sides": sides}
    )  # fmt: skip


def words(name: str) -> dict[str, str]:
    return {"title": name.title(), "what": f"Runs {name}.", "behind": f"Because of {name}."}


def failed() -> Any:
    made = result([1.0], {"slow": [2.0]})
    made["sides"][1] |= {"failed": "ImportError: a | b", "runs": {}}
    return results.summed(made)


def test_the_middle_stands_with_the_least_and_the_most() -> None:
    figures = result([3.0, 1.0, 2.0], {"slow": [9.0, 8.0]})["sides"]
    assert figures[0]["figures"]["wait"] == {"median": 2.0, "least": 1.0, "most": 3.0}
    assert figures[1]["figures"]["wait"]["median"] == 8.5


@given(own=POSITIVE, theirs=POSITIVE, better=st.sampled_from(["lower", "higher"]))
def test_one_is_ahead_where_the_other_is_behind(own: float, theirs: float, better: str) -> None:
    turned = {"ahead": "behind", "behind": "ahead", "equal": "equal"}
    one = result([own], {"peer": [theirs]}, better=better)["compared"]["wait"]
    other = result([theirs], {"peer": [own]}, better=better)["compared"]["wait"]
    assert other["verdict"] == turned[one["verdict"]]
    assert one["ratio"] * other["ratio"] == pytest.approx(1, rel=1e-4)


@given(peers=st.dictionaries(st.text("abc", min_size=1, max_size=2), st.lists(POSITIVE, min_size=1), min_size=1))
def test_the_best_peer_is_the_one_that_none_beats(peers: dict[str, list[float]]) -> None:
    made = result([1.0], peers)
    best = made["compared"]["wait"]["peer"]
    middle = {side["name"]: side["figures"]["wait"]["median"] for side in made["sides"]}
    assert middle[best] == min(middle[name] for name in peers)


def test_a_peer_at_nothing_has_no_ratio() -> None:
    assert result([0.0], {"peer": [0.0]})["compared"]["wait"] == {
        "ours": "ragstone", "peer": "peer", "ratio": None, "verdict": "equal"
    }  # fmt: skip
    assert result([1.0], {"peer": [0.0]})["compared"]["wait"]["verdict"] == "behind"


def test_a_new_result_takes_the_place_of_the_old_one_and_leaves_the_others(tmp_path: Path) -> None:
    rows = {name: words(name) for name in ("wait", "other", "third")}
    path = tmp_path / results.FILE
    first = results.merged(results.read(path), {"wait": result([5.0], {"slow": [9.0]}), "other": failed()}, rows=rows)
    results.write(path, first)
    again = results.merged(results.read(path), {"wait": result([1.0], {"slow": [2.0]})}, rows=rows)
    assert again["rows"]["wait"]["sides"][0]["runs"] == {"wait": [1.0]}
    assert again["rows"]["other"] == first["rows"]["other"]
    assert again["rows"]["third"] == {**words("third"), "not_run": "it has not been run"}
    assert list(again["rows"]) == list(rows)
    assert [each.name for each in tmp_path.iterdir()] == [results.FILE]


def test_a_row_that_could_not_run_keeps_its_last_result() -> None:
    rows = {"wait": words("wait")}
    before = results.merged({"rows": {}}, {"wait": result([5.0], {"slow": [9.0]})}, rows=rows)
    lacking = {"wait": {"not_run": "no data"}}
    assert results.merged(before, lacking, rows=rows) == before
    assert results.merged({"rows": {}}, lacking, rows=rows)["rows"]["wait"] == {**words("wait"), "not_run": "no data"}


def test_the_words_of_a_row_are_those_that_it_has_now() -> None:
    before = results.merged({"rows": {}}, {"wait": result([5.0], {"fast": [2.0]})}, rows={"wait": words("old")})
    after = results.merged(before, {}, rows={"wait": words("new")})
    assert after["rows"]["wait"]["behind"] == "Because of new."
    assert after["rows"]["wait"]["sides"] == before["rows"]["wait"]["sides"]


def test_what_is_no_row_any_more_falls_out() -> None:
    before = {"rows": {"gone": result([5.0], {"slow": [9.0]})}}
    assert results.merged(before, {}, rows={}) == {"rows": {}}


def test_a_peer_that_wins_is_shown_as_plainly_and_explained() -> None:
    page = markdown.page({"rows": {"wait": result([4.0], {"fast": [2.0]}, behind="It does less.")}})
    assert "| wait | wait, ms ↓ | 4.0 | 2.0 (fast) | 2.00 | **behind** |" in page
    assert "Where a peer is ahead: It does less." in page


def test_why_a_peer_wins_is_not_said_where_none_does() -> None:
    page = markdown.page({"rows": {"wait": result([1.0], {"slow": [2.0]}, behind="It does less.")}})
    assert "| wait | wait, ms ↓ | 1.0 | 2.0 (slow) | 0.500 | ahead |" in page
    assert "It does less." not in page


def test_the_page_says_what_failed_and_what_has_not_run() -> None:
    lacking = {"title": "Other", "what": "Others.", "not_run": "RAGSTONE_DATA names no folder"}
    page = markdown.page({"rows": {"wait": failed(), "other": lacking}})
    assert "| slow | failed: ImportError: a \\| b |" in page
    assert "| wait | wait, ms ↓ | 1.0 | none | | not compared |" in page
    assert "Not run: RAGSTONE_DATA names no folder." in page


def test_rows_of_other_days_and_machines_say_so() -> None:
    late = {**result([1.0], {"slow": [2.0]}), "date": "2026-12-01", "mode": "quick"}
    page = markdown.page({"rows": {"wait": result([1.0], {"slow": [2.0]}), "late": late}})
    assert "- 2026-11-22, full run, 4 cores (a CPU), 24 GiB, Linux 6.1, Python 3.11.7: wait." in page
    assert "- 2026-12-01, quick run, 4 cores (a CPU), 24 GiB, Linux 6.1, Python 3.11.7: late." in page
