"""The tables of a cache: what is written down when, what makes room, and that nothing is left behind."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ragstone.errors import CacheUnavailable, UsageError
from ragstone.state.cached import BESIDE, PORTION, CacheFile
from ragstone.stored import Stored
from ragstone.testing.suites.cache import Clock

HOUR, DAY = 3_600.0, 86_400.0
TABLES = ("entries_1", "contents_1", "tagged_1", "tags_1")


@pytest.fixture
def clock() -> Clock:
    return Clock(1_795_000_000.0)


def opened(path: Path | None, clock: Clock, **given: Any) -> CacheFile:
    return CacheFile(path, **{"size": 10**9, "largest": 5_000_000, "clock": clock, **given})


def done(file: CacheFile, *acts: Any) -> list[Any]:
    outcomes = file.act(acts)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    return outcomes


def keep(file: CacheFile, *keys: bytes, size: int = 1_000, seconds: float | None = None, tags: tuple[str, ...] = ()):
    done(file, file.put("calls", {key: Stored(value=bytes(size), seconds=seconds, tags=tags) for key in keys}))


def keys(number: int) -> list[bytes]:
    return [b"%d" % one for one in range(number)]


def rows(path: Path) -> dict[str, int]:
    """How many there are in each table."""
    db = sqlite3.connect(path)
    found = {table: db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in TABLES}
    db.close()
    return found


# ── Uses ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_hit_writes_nothing_until_something_else_is_written(tmp_path: Path, clock: Clock):
    file = opened(tmp_path / "answers.db", clock)
    keep(file, b"a")
    watcher = sqlite3.connect(tmp_path / "answers.db", isolation_level=None)

    def version() -> int:
        return watcher.execute("PRAGMA data_version").fetchone()[0]

    def used() -> int:
        return watcher.execute("SELECT used FROM entries_1").fetchone()[0] // 1000

    before, made = version(), int(clock.now)
    clock.now += HOUR
    for _ in range(10):
        assert b"a" in file.get("calls", [b"a", b"b"])
    assert (version(), used()) == (before, made)
    keep(file, b"b")
    assert used() == made + HOUR
    watcher.close()
    file.close()


def test_a_use_soon_after_another_is_not_written_down(tmp_path: Path, clock: Clock):
    file = opened(tmp_path / "answers.db", clock)
    keep(file, b"a")
    clock.now += 30
    file.get("calls", [b"a"])
    assert not file._uses
    clock.now += 31
    file.get("calls", [b"a"])
    assert list(file._uses.values()) == [int(clock.now * 1000)]
    file.close()


def test_what_was_used_is_known_when_the_file_is_opened_again(tmp_path: Path, clock: Clock):
    size = 3 * (1_000 + BESIDE)
    file = opened(tmp_path / "answers.db", clock, size=size)
    keep(file, b"a", b"b", b"c")
    clock.now += HOUR
    file.get("calls", [b"a"])
    file.close()
    again = opened(tmp_path / "answers.db", clock, size=size)
    keep(again, b"d")
    assert set(again.get("calls", [b"a", b"b", b"c", b"d"])) == {b"a", b"c", b"d"}
    again.close()


def test_what_was_used_before_the_clock_was_put_back_is_not_the_last_to_go(clock: Clock):
    file = opened(None, clock, size=3 * (1_000 + BESIDE))
    keep(file, b"a", b"b")
    clock.now += DAY
    file.get("calls", [b"a"])
    keep(file)  # writes that down
    clock.now -= DAY / 2
    file.tidy()
    clock.now += 2 * HOUR
    file.get("calls", [b"b"])
    keep(file, b"c", b"d")
    assert set(file.get("calls", [b"a", b"b", b"c", b"d"])) == {b"b", b"c", b"d"}
    file.close()


# ── What goes ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_had_its_time_is_removed_portion_by_portion_with_all_that_belonged_to_it(tmp_path: Path, clock: Clock):
    path = tmp_path / "answers.db"
    file = opened(path, clock)
    keep(file, *keys(2 * PORTION + 10), size=10, seconds=60, tags=("x", "y"))
    keep(file, b"stays", tags=("y", "z"))
    clock.now += 61
    left = list[int]()
    while file.tidy():
        left.append(rows(path)["entries_1"])
    assert left == [PORTION + 11, 11]
    assert rows(path) == {"entries_1": 1, "contents_1": 1, "tagged_1": 2, "tags_1": 2}
    assert file.stats().size == {"calls": 1_000}
    file.close()


def test_what_was_made_in_the_future_is_removed_too(tmp_path: Path, clock: Clock):
    path = tmp_path / "answers.db"
    file = opened(path, clock)
    keep(file, b"now")
    clock.now += DAY
    keep(file, *keys(PORTION + 10), size=10)
    clock.now -= HOUR
    assert file.stats().entries == {"calls": 1}
    assert file.tidy()
    assert not file.tidy()
    assert rows(path)["entries_1"] == 1
    assert set(file.get("calls", [b"now", b"1"])) == {b"now"}
    file.close()


def test_a_cache_that_shall_be_smaller_gets_so_portion_by_portion(tmp_path: Path, clock: Clock):
    path = tmp_path / "answers.db"
    file = opened(path, clock)
    keep(file, *keys(3 * PORTION), size=100)
    file.close()
    file = opened(path, clock, size=10 * (100 + BESIDE))
    left = list[int]()
    more = True
    while more:
        more = file.tidy()
        left.append(rows(path)["entries_1"])
    assert left == [2 * PORTION, PORTION, 10]
    file.close()


def test_a_single_put_makes_room_for_itself_however_large_it_is(clock: Clock):
    file = opened(None, clock, size=2_000 * (100 + BESIDE))
    keep(file, *keys(2_000), size=100)
    clock.now += 1
    keep(file, *(b"new %d" % number for number in range(1_999)), size=100)
    assert file.stats().entries == {"calls": 2_000}
    assert set(file.get("calls", keys(2_000))) == {b"999"}, "of those of one moment the last key stays"
    file.close()


def test_totals_that_are_wrong_do_not_stay_so(tmp_path: Path, clock: Clock):
    file = opened(tmp_path / "answers.db", clock, size=100_000)
    keep(file, b"a")
    done(file, lambda db: db.execute("UPDATE rooms_1 SET size = 10000000"))
    keep(file, b"b")
    keep(file, b"c")
    assert file.stats().size == {"calls": 1_000}
    assert set(file.get("calls", [b"a", b"b", b"c"])) == {b"c"}
    file.close()


def test_leases_that_are_long_over_are_removed_and_later_ones_have_higher_fences(tmp_path: Path, clock: Clock):
    file = opened(tmp_path / "answers.db", clock)
    (first,) = done(file, file.claim(b"key", owner="one", seconds=60))
    done(file, file.release(first))
    clock.now += HOUR - 1
    file.tidy()
    (kept, _) = done(file, file.put("calls", {b"late": Stored(value=b"v")}, lease=first), file.count({"x": 1}))
    assert kept is None
    assert b"late" in file.get("calls", [b"late"])
    clock.now += 2
    file.tidy()
    done(file, file.put("calls", {b"too late": Stored(value=b"v")}, lease=first))
    assert not file.get("calls", [b"too late"])
    (second,) = done(file, file.claim(b"key", owner="two", seconds=60))
    assert second.fence > first.fence
    file.close()


def test_what_was_cleared_is_in_the_file_no_more(tmp_path: Path, clock: Clock):
    path, secret = tmp_path / "answers.db", b"a question that is nobody's business" * 50
    file = opened(path, clock)
    done(file, *(file.put("calls", {key: Stored(value=secret, tags=("t:secret",))}) for key in keys(500)))
    assert secret in b"".join(each.read_bytes() for each in tmp_path.iterdir())
    done(file, file.count({"calls.hit": 3}), file.clear())
    left = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert secret not in left
    assert b"t:secret" not in left
    assert path.stat().st_size < 200_000
    assert file.stats().figures == {"calls.hit": 3}
    file.close()


# ── What is refused ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_large_entry_is_refused_and_those_beside_it_are_kept(clock: Clock):
    file = opened(None, clock, largest=5_000_000)
    with pytest.raises(
        CacheUnavailable, match=r"too large to be kept: expected at most 5,000,000 bytes, found 50,000,000"
    ) as caught:
        file.put("calls", {b"a": Stored(value=b"1"), b"b": Stored(value=bytes(50_000_000))})
    assert caught.value.reason == "large"
    keep(file, b"a", size=5_000_000)
    assert len(file.get("calls", [b"a"])[b"a"].value) == 5_000_000
    file.close()


def test_an_act_that_fails_leaves_nothing_and_those_beside_it_go_on(clock: Clock):
    file = opened(None, clock)
    outcomes = file.act(
        [
            file.put("calls", {b"a": Stored(value=b"1")}),
            file.put("calls", {b"b": Stored(value=b"2"), b"c": Stored(value=b"3", seconds=float("nan"))}),
            file.count({"first": 1, "second": 2**70}),
            file.count({"third": 1}),
        ]
    )
    assert [type(outcome).__name__ for outcome in outcomes] == ["NoneType", "ValueError", "OverflowError", "NoneType"]
    assert set(file.get("calls", [b"a", b"b", b"c"])) == {b"a"}
    assert file.stats().figures == {"third": 1}
    file.close()


@pytest.mark.parametrize("wrong", [{"a": b"1"}, {b"a": "1"}, {b"a": None}, {None: b"1"}])
def test_what_is_not_bytes_is_refused_and_harms_nothing(wrong: Any, clock: Clock):
    file = opened(None, clock)
    keep(file, b"before")
    with pytest.raises(TypeError):
        file.put("calls", {key: Stored(value=value) for key, value in wrong.items()})
    assert set(file.get("calls", [b"before", b"a"])) == {b"before"}
    file.close()


@pytest.mark.parametrize("word", ["\ud83d", "a\udfffb"])
def test_half_a_character_is_refused(word: str, clock: Clock):
    file = opened(None, clock)
    tagged = {b"a": Stored(value=b"1", tags=("fine", word))}
    for call in (
        lambda: file.put("calls", tagged),
        lambda: file.put(word, {}),
        lambda: file.get(word, [b"a"]),
        lambda: file.tagged("calls", word),
        lambda: file.forget([word]),
        lambda: file.claim(b"a", owner=word, seconds=1),
        lambda: file.count({word: 1}),
    ):
        with pytest.raises(UsageError, match="is no text"):
            call()
    file.close()


def test_entries_that_have_no_end_that_a_clock_could_tell_stay(clock: Clock):
    file = opened(None, clock)
    keep(file, b"a", seconds=float("inf"))
    keep(file, b"b", seconds=1e30)
    assert set(file.get("calls", [b"a", b"b"])) == {b"a", b"b"}
    file.close()


def test_what_is_too_much_for_one_value_of_sqlite_comes_in_parts(tmp_path: Path, clock: Clock):
    file = opened(tmp_path / "answers.db", clock)
    keep(file, *keys(40), size=50_000)
    for database in file._reading:
        with database.reading() as db:
            db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 200_000)
    assert set(file.get("calls", keys(50))) == {*keys(40)}
    file.close()


def test_what_another_one_has_kept_that_is_too_large_is_not_read(tmp_path: Path, clock: Clock):
    wide = CacheFile(tmp_path / "cache.db", size=10_000_000, largest=2_000_000, clock=clock)
    narrow = CacheFile(tmp_path / "cache.db", size=10_000_000, largest=1_000_000, clock=clock)
    keep(wide, b"large", size=1_000_001)
    keep(wide, b"fits", size=1_000_000)
    assert set(narrow.get("calls", [b"large", b"fits"])) == {b"fits"}
    db = sqlite3.connect(tmp_path / "cache.db")
    with db:
        db.execute("UPDATE contents_1 SET packed = packed || zeroblob(1)")  # `size` may say anything
    db.close()
    assert narrow.get("calls", [b"large", b"fits"]) == {}
    wide.close()
    narrow.close()
