"""BENCHMARKS.md says what BENCHMARKS.json holds and nothing else, for every row that there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rows
from bench import environments, markdown, results
from bench.running import MISSING

ROOT = Path(__file__).parents[2]
KEPT = results.read(ROOT / results.FILE)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def test_the_page_is_made_of_the_file_beside_it() -> None:
    assert (ROOT / markdown.FILE).read_text(encoding="utf-8") == markdown.page(KEPT)


def test_every_comparison_follows_from_the_runs() -> None:
    for name, result in KEPT["rows"].items():
        if "sides" in result:
            assert results.summed(result) == result, name


def test_every_row_stands_in_the_file_in_its_order_and_in_its_words() -> None:
    known = rows.all_rows()
    assert list(KEPT["rows"]) == list(known)
    for name, row in known.items():
        assert {key: KEPT["rows"][name][key] for key in ("title", "what", "behind")} == {
            "title": row.title, "what": row.what, "behind": row.behind
        }, f"{name}: python -m bench --page"  # fmt: skip


def test_every_figure_in_a_table_is_one_of_the_file() -> None:
    shown = 0
    for name, result in KEPT["rows"].items():
        known = set(held(result))
        lines = markdown.table(result).splitlines()[2:] if "sides" in result else []
        for cell in (cell for line in lines for cell in line.split("|")[2:-1] if "failed" not in cell):
            found = NUMBER.findall(cell)
            assert set(found) <= known, f"{name}: {cell}"
            shown += len(found)
    assert shown


def held(result: dict[str, Any]) -> Iterator[str]:
    """Each number of a row as the page writes it."""
    for measure in result.get("measures", ()):
        for side in result["sides"]:
            yield from (markdown.figure(measure, value).lstrip("-") for value in _figures(side, measure["name"]))
        if (compared := result["compared"].get(measure["name"])) is not None:
            yield markdown.ratio(compared["ratio"])


def _figures(side: dict[str, Any], name: str) -> list[float]:
    return list(side["figures"].get(name, {}).values())


def test_every_module_of_the_rows_is_run() -> None:
    modules = {path.stem for path in (ROOT / "benchmarks/rows").glob("*.py")} - {"__init__"}
    assert sorted(rows.ORDER) == sorted(modules)


def test_every_row_can_be_run_and_shown() -> None:
    for row in rows.all_rows().values():
        assert any(side.ours for side in row.sides), row.name
        assert set(row.needs) <= MISSING.keys(), row.name
        assert len({side.name for side in row.sides}) == len(row.sides), row.name
        assert len({measure.name for measure in row.measures}) == len(row.measures), row.name
        for side in row.sides:
            assert side.environment in {"ours", *environments.ENVIRONMENTS}, side.name
            assert side.packages, side.name
            assert program(side.command[1]).exists(), side.command


def program(module: str) -> Path:
    """The file of the module that a side runs."""
    return ROOT / "benchmarks" / f"{module.replace('.', '/')}.py"
