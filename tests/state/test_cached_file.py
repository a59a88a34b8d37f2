"""The file of a cache: damaged, full, read-only, deleted, shared. None of it is worse than a miss."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ragstone.errors import CacheUnavailable
from ragstone.state import cached
from ragstone.state.cached import CacheFile
from ragstone.stored import Stored


def opened(path: Path) -> CacheFile:
    return CacheFile(path, size=10**8, largest=5_000_000)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[CacheFile]:
    made = opened(tmp_path / "answers.db")
    yield made
    made.close()


def value(key: bytes) -> bytes:
    return key * 300


def keep(file: CacheFile, *keys: bytes) -> None:
    (outcome,) = file.act([file.put("calls", {key: Stored(value=value(key), tags=("x", "y")) for key in keys})])
    if outcome is not None:
        raise outcome


def found(file: CacheFile, *keys: bytes) -> set[bytes]:
    """The keys that are there; their values are right."""
    entries = file.get("calls", keys)
    assert all(entry.value == value(key) for key, entry in entries.items())
    return set(entries)


KEYS = [b"%d" % number for number in range(300)]

# ── Damage ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("what", [b"no database at all" * 1_000, b"SQLite format 3\x00" + bytes(5_000)])
def test_what_is_no_database_is_moved_away_and_the_cache_begins_anew(
    what: bytes, tmp_path: Path, file: CacheFile, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "answers.db").write_bytes(what)
    with pytest.raises(CacheUnavailable, match=r"is damaged.*begins anew") as caught:
        file.get("calls", [b"a"])
    assert caught.value.reason == "corrupt"
    keep(file, b"a")
    assert found(file, b"a", b"b") == {b"a"}
    assert (tmp_path / "answers.db.broken").read_bytes() == what
    assert [record.getMessage() for record in caplog.records] == [str(caught.value)], "it is said once"
    file.act([file.clear()])
    assert not (tmp_path / "answers.db.broken").exists()


def damaged(whole: Path, path: Path, chance: random.Random) -> None:
    """A copy of a cache with a few of its bytes changed, anywhere."""
    content = bytearray(whole.read_bytes())
    for _ in range(chance.choice([1, 3, 30])):
        at = chance.randrange(len(content))
        many = chance.choice([1, 1, 50, 5_000])
        content[at : at + many] = chance.choice([bytes(many), chance.randbytes(many)])
    if chance.random() < 0.2:
        del content[chance.randrange(len(content)) :]
    path.write_bytes(content)


def reason(act: Callable[[], object]) -> str:
    """Why the cache could not be asked."""
    try:
        act()
    except CacheUnavailable as error:
        return error.reason
    return ""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "answers.db"
    file = opened(path)
    keep(file, *KEYS)
    file.close()
    return path


@pytest.mark.parametrize("seed", range(25))
def test_of_a_damaged_file_no_wrong_value_comes_and_it_heals(seed: int, whole: Path, tmp_path: Path):
    """Whatever is done meets the damage, or does not; in the end all that is kept is found again."""
    chance, path = random.Random(seed), tmp_path / "answers.db"
    damaged(whole, path, chance)
    file = opened(path)
    acts = [
        lambda: found(file, *KEYS),
        lambda: found(file, chance.choice(KEYS)),
        lambda: keep(file, *chance.sample(KEYS, 20)),
        lambda: file.tagged("calls", "x"),
        lambda: file.stats(),
        lambda: file.tidy(),
        lambda: file.act([file.remove("calls", chance.sample(KEYS, 20))]),
        lambda: file.act([file.forget(["y"])]),
    ]
    reasons = {reason(act) for act in [*chance.sample(acts, 4), *chance.sample(acts, 4)]}
    assert reasons <= {"", "corrupt"}
    file.act([file.clear()])
    reason(lambda: keep(file, *KEYS))  # it may still be told that it is damaged
    keep(file, *KEYS)
    assert found(file, *KEYS) == {*KEYS}
    file.close()


def test_a_value_that_a_power_cut_has_changed_is_not_there(file: CacheFile):
    keep(file, *KEYS)
    with file._file.writing() as db:
        db.execute("UPDATE contents_1 SET packed = CAST(replace(packed, '101', '102') AS BLOB) WHERE id = 5")
        db.execute("UPDATE contents_1 SET packed = x'' WHERE id = 6")
        db.execute("UPDATE contents_1 SET packed = (SELECT packed FROM contents_1 WHERE id = 9) WHERE id = 8")
        db.execute("DELETE FROM contents_1 WHERE id = 7")
    held = found(file, *KEYS)
    assert len(held) == 296
    for key in {*KEYS} - held:
        assert found(file, key) == set()
    keep(file, *KEYS)
    assert found(file, *KEYS) == {*KEYS}


def test_another_format_beside_ours_is_a_miss_and_stays(tmp_path: Path):
    path = tmp_path / "answers.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE entries_2 (key TEXT)")
        db.execute("INSERT INTO entries_2 VALUES ('a')")
    db.close()
    file = opened(path)
    assert found(file, b"a") == set()
    keep(file, b"a")
    assert found(file, b"a") == {b"a"}
    file.close()
    db = sqlite3.connect(path)
    assert db.execute("SELECT * FROM entries_2").fetchall() == [("a",)]
    db.close()


def test_a_table_of_our_name_that_is_not_ours_is_damage(tmp_path: Path):
    path = tmp_path / "answers.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE entries_1 (room TEXT, used TEXT, key TEXT, until TEXT)")
    db.close()
    file = opened(path)
    with pytest.raises(CacheUnavailable, match="begins anew"):
        file.get("calls", [b"a"])
    keep(file, b"a")
    assert found(file, b"a") == {b"a"}
    file.close()


# ── The disk ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_on_a_full_disk_nothing_new_is_kept_and_the_rest_is_found(file: CacheFile):
    keep(file, b"a")
    with file._file.reading() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(CacheUnavailable, match="the disk is full") as caught:
        keep(file, *KEYS)
    assert caught.value.reason == "full"
    assert found(file, b"a", *KEYS) == {b"a"}
    keep(file, b"later")  # it is opened anew, and there is space again
    assert found(file, b"a", b"later") == {b"a", b"later"}


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    file = opened(tmp_path / "file" / "deep" / "answers.db")
    for _ in range(2):
        with pytest.raises(CacheUnavailable, match=r"cannot be used.*Is it writable") as caught:
            file.get("calls", [b"a"])
        assert caught.value.reason == "down"
    with pytest.raises(CacheUnavailable, match="cannot be used"):
        keep(file, b"a")
    file.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_said(tmp_path: Path):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    file = opened(folder / "answers.db")
    with pytest.raises(CacheUnavailable, match="Is it writable"):
        keep(file, b"a")
    file.close()


def test_a_folder_in_place_of_the_file_is_said(tmp_path: Path):
    (tmp_path / "answers.db").mkdir()
    file = opened(tmp_path / "answers.db")
    with pytest.raises(CacheUnavailable, match="cannot be used"):
        keep(file, b"a")
    file.close()
    assert (tmp_path / "answers.db").is_dir()


@pytest.mark.parametrize("which", ["answers.db*", "answers.db"])
def test_what_is_deleted_under_its_feet_begins_anew(which: str, tmp_path: Path, file: CacheFile):
    keep(file, b"a")
    assert found(file, b"a") == {b"a"}
    for path in tmp_path.glob(which):
        path.unlink()
    assert found(file, b"a") == set()
    keep(file, b"b")
    assert found(file, b"a", b"b") == {b"b"}


def test_the_folder_may_be_deleted_too(tmp_path: Path):
    file = opened(tmp_path / "deep" / "answers.db")
    keep(file, b"a")
    shutil.rmtree(tmp_path / "deep")
    keep(file, b"b")
    assert found(file, b"a", b"b") == {b"b"}
    file.close()


def test_another_one_is_used_where_somebody_has_put_it(tmp_path: Path, file: CacheFile):
    other = opened(tmp_path / "other.db")
    keep(other, b"b")
    other.close()
    keep(file, b"a")
    (tmp_path / "other.db").replace(tmp_path / "answers.db")
    for end in ("-wal", "-shm"):
        (tmp_path / f"answers.db{end}").unlink(missing_ok=True)
    assert found(file, b"a", b"b") == {b"b"}


# ── Others ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_reading_waits_for_nobody_who_writes_and_writing_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cached, "PATIENCE", 0.01)
    file = opened(tmp_path / "answers.db")
    keep(file, b"a")
    other = sqlite3.connect(tmp_path / "answers.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM entries_1")
    assert found(file, b"a") == {b"a"}
    with pytest.raises(CacheUnavailable, match="is busy") as caught:
        keep(file, b"b")
    assert (caught.value.reason, caught.value.retryable) == ("down", True)
    other.execute("ROLLBACK")
    other.close()
    keep(file, b"b")
    assert found(file, b"a", b"b") == {b"a", b"b"}
    file.close()


def test_closing_again_and_opening_again_is_harmless(file: CacheFile):
    file.close()
    keep(file, b"a")
    file.close()
    file.close()
    assert found(file, b"a") == {b"a"}
