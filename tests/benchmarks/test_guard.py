from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import ConfigError

deciding: Any = import_module("guard.deciding")
measuring: Any = import_module("guard.measuring")
pins: Any = import_module("guard.pins")
table: Any = import_module("guard.table")
things: Any = import_module("guard.things")
command: Any = import_module("guard.__main__")
Thing: Any = import_module("guard.thing").Thing

RATIOS = st.lists(st.floats(0.01, 1000), min_size=3, max_size=3)
NAMES = ("import", "ingest", "cache", "overhead", "render")


def verdict(*ratios: float, pin: float | None = 2.0, failure: str = "", name: str = "cache") -> Any:
    return deciding.Verdict(name=name, reference="a SELECT of sqlite3", pin=pin, ratios=ratios, failure=failure)


def pinned(**ratios: float) -> Any:
    machine = pins.Machine(processor="A Processor", cores=4, system="Linux x86_64", python="3.11.7")
    return pins.Pins(date="2026-11-22", machine=machine, packages={"click": "8.5.1"}, ratios=ratios)


# ── The decision ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_thing_fails_when_all_three_repeats_are_more_than_a_quarter_above_its_pin() -> None:
    assert verdict(2.51, 2.6, 3.0).failed
    assert verdict(2.51, 2.6, 3.0).word == "SLOWER"


@pytest.mark.parametrize("ratios", [(2.5, 2.6, 3.0), (9.0, 9.0, 2.4), (2.0, 2.0, 2.0), (1.9, 2.1, 2.5)])
def test_one_repeat_within_a_quarter_is_enough(ratios: tuple[float, ...]) -> None:
    assert not verdict(*ratios).failed
    assert verdict(*ratios).word == "holds"


@given(RATIOS, st.floats(0.01, 100))
def test_what_is_faster_never_fails(ratios: list[float], pin: float) -> None:
    if not verdict(*ratios, pin=pin).failed:
        assert not verdict(*(ratio / 2 for ratio in ratios), pin=pin).failed


@given(RATIOS, st.floats(0.01, 100))
def test_it_is_the_ratio_to_the_pin_that_counts(ratios: list[float], pin: float) -> None:
    four_times = verdict(*(4 * ratio for ratio in ratios), pin=4 * pin)
    assert four_times.word == verdict(*ratios, pin=pin).word


def test_what_has_become_much_faster_is_said_and_does_not_fail() -> None:
    assert verdict(1.5, 1.4, 1.59).word == "faster"
    assert not verdict(1.5, 1.4, 1.59).failed
    assert verdict(1.5, 1.4, 1.61).word == "holds"


def test_what_has_no_pin_or_could_not_be_measured_fails() -> None:
    assert verdict(2.0, 2.0, 2.0, pin=None).word == "NO PIN"
    assert verdict(failure="ValueError: no").word == "BROKEN"
    assert verdict(2.0, 2.0, 2.0, pin=None).failed
    assert verdict(2.0, 2.0, failure="ValueError: no").failed


# ── The table ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_table_says_what_holds_and_what_to_do_about_what_does_not() -> None:
    found = [verdict(1.9, 2.0, 2.1, name="import"), verdict(2.8, 2.9, 2.7)]
    assert list(table.said(found, pinned(), ["click 8.5.1 then, 9.0.0 now"])) == [
        "ours      beside              pinned  at most  now, in three repeats",
        "import    a SELECT of sqlite3    2.00     2.50   1.90   2.00   2.10    holds",
        "cache     a SELECT of sqlite3    2.00     2.50   2.80   2.90   2.70    SLOWER",
        "",
        "Pinned on 2026-11-22: A Processor, 4 cores, Python 3.11.7.",
        "This alone may shift a ratio: click 8.5.1 then, 9.0.0 now.",
        "",
        "cache takes 1.40 times what it took; 1.25 are allowed.",
        "Profile what benchmarks/guard/things/ measures, and mend it. Where what it does",
        "is worth its time, pin the new ratio, with the reason in the commit:",
        "make bench-guard ARGS=--pin",
    ]


@pytest.mark.parametrize("found", [verdict(1.0, 1.0, 1.0), verdict(1.0, 1.0, 1.0, pin=None), verdict(failure="x: y")])
def test_what_is_faster_unpinned_or_broken_comes_with_a_next_step(found: Any) -> None:
    lines = list(table.said([found], pinned()))
    assert "make bench-guard ARGS=--pin" in lines[-1] or "-m guard --one NAME" in lines[-1]


def test_what_is_to_be_done_is_said_once_for_all_that_are_slower() -> None:
    lines = list(table.said([verdict(3.0, 3.0, 3.0, name=name) for name in NAMES], pinned()))
    assert sum("takes 1.50 times what it took" in line for line in lines) == 5
    assert sum("ARGS=--pin" in line for line in lines) == 1


def test_no_line_of_the_table_is_wider_than_80_columns() -> None:
    found = [
        deciding.Verdict(name=name, reference=thing.reference, pin=99.999, ratios=(188.888,) * 3)
        for name, thing in things.THINGS.items()
    ]
    assert max(map(len, table.said(found, pinned()))) <= 80


# ── The pins ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    made = pins.here({"cache": 1.94}, ["click"])
    pins.write(made, tmp_path / "ratios.json")
    assert pins.read(tmp_path / "ratios.json") == made


def test_the_pins_that_are_shipped_are_those_of_the_five_things() -> None:
    shipped = pins.read(pins.PATH)
    assert tuple(things.THINGS) == NAMES
    assert tuple(shipped.ratios) == NAMES
    assert list(shipped.packages) == sorted(set(command.packages()))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "ratios.json: cannot be read: No such file or directory"),
        ("{", "ratios.json: is no JSON: Expecting property name enclosed in double quotes: line 1 column 2"),
        ("[]", "ratios.json: has another form: expected an object with date, machine, packages and ratios"),
        ("{}", "ratios.json: has another form"),
        ('"cache"', "ratios.json: has another form"),
        ({"ratios": {"cache": "2"}}, "ratios.json: ratios.cache: is no ratio: expected a number above 0, found '2'"),
        ({"ratios": {"cache": 0}}, "ratios.json: ratios.cache: is no ratio: expected a number above 0, found 0"),
        ({"ratios": {"cache": True}}, "ratios.cache: is no ratio"),
        ({"ratios": 3}, "ratios.json: has another form"),
        ({"machine": {"cores": 4}}, "ratios.json: has another form"),
    ],
)
def test_pins_that_cannot_be_read_are_told_in_one_line(tmp_path: Path, content: Any, said: str) -> None:
    path = tmp_path / "ratios.json"
    if isinstance(content, dict):
        pins.write(pinned(cache=2.0), path)
        content = json.dumps(json.loads(path.read_text(encoding="utf-8")) | content)
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        pins.read(path)
    assert said in str(caught.value)
    assert "make bench-guard ARGS=--pin" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_python_and_other_versions_are_named() -> None:
    here = pins.here({}, ["click"])
    older = pins.Machine(processor="A Processor", cores=4, system="Linux x86_64", python="3.1.4")
    there = pins.Pins(date="2026-11-22", machine=older, packages={"click": "0.1", "gone": "1"}, ratios={})
    python = ".".join(here.machine.python.split(".")[:2])
    assert list(there.differences(here)) == [
        f"Python 3.1 then, {python} now",
        f"click 0.1 then, {here.packages['click']} now",
    ]
    assert list(here.differences(here)) == []


# ── Measuring ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_ours_and_the_reference_take_turns_and_each_comes_first_as_often() -> None:
    order: list[str] = []

    def side(name: str, seconds: float) -> Callable[[], float]:
        return lambda: order.append(name) or seconds

    assert list(measuring.ratios(side("a", 3.0), side("b", 2.0), 4)) == [1.5] * 4
    assert order == ["a", "b", "b", "a", "a", "b", "b", "a"]


def test_a_repeat_is_the_median_of_its_pairs_and_begins_warm() -> None:
    took = iter([0.1, 1.0, 2.0, 3.0, 40.0, 5.0])

    @contextmanager
    def sides(folder: Path) -> Iterator[tuple[Callable[[], float], Callable[[], float]]]:
        assert folder.is_dir()
        yield (lambda: next(took)), (lambda: 1.0)

    thing = Thing(name="toy", reference="one", packages=(), pairs=5, sides=sides)
    assert measuring.together(thing) == 3.0


def test_things_are_repeated_in_turn_and_one_that_breaks_harms_no_other() -> None:
    def measure(name: str, repeat: int) -> float:
        if name == "b":
            raise measuring.Failed("ValueError: no")
        return repeat

    found = [(name, str(one)) for name, one in measuring.repeated(["a", "b", "c"], 2, measure)]
    assert found == [("a", "0"), ("b", "ValueError: no"), ("c", "0"), ("a", "1"), ("b", "ValueError: no"), ("c", "1")]


def test_a_process_that_fails_is_told_by_its_last_line() -> None:
    with pytest.raises(measuring.Failed, match="argument --one: invalid choice: 'nonsense'"):
        measuring.alone("nonsense", 0)


def test_a_measuring_process_knows_nothing_of_a_persons_project() -> None:
    found = measuring.environment({"RAGSTONE_LOCAL_URL": "http://x", "HOME": "/h", "PYTHONPATH": "/p"}, 2)
    assert (found["HOME"], found["PYTHONHASHSEED"]) == ("/h", "3")
    assert found["PYTHONPATH"].endswith("benchmarks:/p")
    assert "RAGSTONE_LOCAL_URL" not in found


@pytest.mark.parametrize(
    "name", [pytest.param("ingest", marks=pytest.mark.slow), "import", "cache", "overhead", "render"]
)
def test_each_thing_can_be_measured(name: str, tmp_path: Path) -> None:
    with things.THINGS[name].sides(tmp_path) as (ours, reference):
        assert ours() > 0
        assert reference() > 0


# ── The command ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Run:
    """The command on pins of 2.0, with ratios that a test gives instead of a measurement."""

    def __init__(self, path: Path) -> None:
        self.path, self.ratios = path, dict.fromkeys(NAMES, 2.1)
        pins.write(pinned(**dict.fromkeys(NAMES, 2.0)), path)

    def __call__(self, *arguments: str) -> int:
        return command.main(arguments, path=self.path, measure=self.measure)

    def measure(self, name: str, repeat: int) -> float:
        if name not in self.ratios:
            raise measuring.Failed("ImportError: no module named 'ragstone.caching'")
        return self.ratios[name]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "ratios.json")


def test_the_command_succeeds_where_all_hold(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert capsys.readouterr().out.count("holds") == 5


def test_the_command_fails_where_one_is_slower(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.ratios["render"] = 2.51
    assert run() == 1
    assert "render takes 1.25 times what it took" in capsys.readouterr().out


def test_the_command_fails_where_one_breaks_and_measures_the_others(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    del run.ratios["cache"]
    assert run() == 1
    said = capsys.readouterr().out
    assert "cache could not be measured: ImportError: no module named 'ragstone.caching'" in said
    assert said.count("holds") == 4


def test_a_thing_that_is_named_is_measured_alone(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.ratios["render"] = 9.0
    assert run("cache") == 0
    assert "render" not in capsys.readouterr().out


def test_pins_that_cannot_be_read_have_an_exit_code_of_their_own(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.path.write_text("{", encoding="utf-8")
    assert run() == 2
    assert "is no JSON" in capsys.readouterr().err


def test_pinning_writes_the_medians_and_nothing_where_one_breaks(run: Run) -> None:
    assert run("--pin") == 0
    assert pins.read(run.path).ratios == dict.fromkeys(NAMES, 2.1)
    del run.ratios["cache"]
    run.ratios["import"] = 7.0
    assert run("--pin") == 1
    assert pins.read(run.path).ratios == dict.fromkeys(NAMES, 2.1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["cash"], "there is no thing 'cash'; there are import, ingest, cache, overhead, render"),
     (["--pin", "cache"], "--pin measures all things")],
)  # fmt: skip
def test_what_the_command_does_not_know_is_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert said in capsys.readouterr().err
