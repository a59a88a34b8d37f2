"""The command line of the benchmarks."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.__main__ import main
from bench.row import Measure, Row, Side

SPEED = Measure(name="speed", unit="1/s", better="higher")


def row(name: str, code: str = """print('{"speed": 3}')""", needs: tuple[str, ...] = ()) -> Row:
    side = Side(name="ragstone", environment="ours", command=("-c", code), packages=("pydantic",), ours=True)
    return Row(name=name, title=name.title(), what="Prints.", measures=(SPEED,), sides=(side,), needs=needs, repeats=2)


KNOWN = {"import": row("import"), "query": row("query"), "broken": row("broken", "raise SystemExit('no disk')")}


def test_a_row_that_there_is_not_names_the_nearest_and_all(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["imprt"], known=KNOWN, folder=tmp_path) == 2
    said = capsys.readouterr().err
    assert said == "There is no row 'imprt'. Did you mean 'import'? The rows: import, query, broken.\n"


@pytest.mark.parametrize("name", ["?", "", "%s", "\x00", "x" * 10_000])
def test_a_name_that_is_like_no_row_lists_them(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([name], known=KNOWN, folder=tmp_path) == 2
    assert "The rows: import, query, broken." in capsys.readouterr().err


def test_a_full_run_writes_what_it_has_measured(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["import"], known=KNOWN, folder=tmp_path) == 0
    assert "| **ragstone** | 3.0 |" in capsys.readouterr().out
    page = (tmp_path / "BENCHMARKS.md").read_text(encoding="utf-8")
    assert "| query | not run: it has not been run |" in page
    assert (tmp_path / "BENCHMARKS.json").exists()


def test_a_quick_run_writes_nothing_unless_it_is_told_to(tmp_path: Path) -> None:
    assert main(["import", "--quick"], known=KNOWN, folder=tmp_path) == 0
    assert list(tmp_path.iterdir()) == []
    assert main(["import", "--quick", "--write"], known=KNOWN, folder=tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 2


def test_a_side_that_fails_makes_the_run_fail_after_all_rows(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["broken", "import"], known=KNOWN, folder=tmp_path) == 1
    said = capsys.readouterr().out
    assert "broken: ragstone failed: no disk" in said
    assert "| **ragstone** | 3.0 |" in said


def test_a_row_that_cannot_run_here_is_skipped_and_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.running.DATA", tmp_path / "none")
    known = {"data": row("data", needs=("data",))}
    assert main([], known=known, folder=tmp_path) == 0
    assert "data: not run, RAGSTONE_DATA names no folder" in capsys.readouterr().out
    assert "Not run: RAGSTONE_DATA names no folder" in (tmp_path / "BENCHMARKS.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("repeats", ["0", "-1", "many", "1.5", ""])
def test_repeats_are_a_whole_number_above_nothing(repeats: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--repeats", repeats, "import"], known=KNOWN)
    assert caught.value.code == 2
    assert "--repeats" in capsys.readouterr().err


def test_the_rows_are_listed_with_their_titles(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"], known=KNOWN) == 0
    assert capsys.readouterr().out.splitlines() == [f"{name:16} {name.title()}" for name in KNOWN]
