"""Backups: whole and of one moment, refused when they are not, and put back whole or not at all."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import tarfile
import threading
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ragstone.errors import IndexBusy, StateError, UsageError
from ragstone.state.backups import Using, back_up, moving, restore
from ragstone.state.backups.archive import MANIFEST
from ragstone.state.feedback import Answered, FeedbackFile, Said
from ragstone.state.keys import Grant, KeyFile
from ragstone.state.sqlite import ProjectState

ANSWERED = Answered(trace="0f", question="When?", answer="On 3 May.")


def filled(folder: Path, *names: str) -> Path:
    """The state of a project with these keys, one document's place, feedback and a run of a suite."""
    folder.mkdir(parents=True, exist_ok=True)
    ProjectState(folder / "project.db").close()
    keys, feedback = KeyFile(folder / "keys.db"), FeedbackFile(folder / "feedback.db")
    for name in names:
        keys.create(Grant(name=name))
        feedback.keep(ANSWERED, Said(good=True, by=name), tenant="default")
    keys.close()
    feedback.close()
    (folder / "evals" / "ferries-1").mkdir(parents=True, exist_ok=True)
    (folder / "evals" / "ferries-1" / "run.json").write_text(json.dumps(names))
    return folder


def held(folder: Path) -> tuple[set[str], set[str], list[str]]:
    """The names of its keys, who has given feedback, and what its run says."""
    keys, feedback = KeyFile(folder / "keys.db"), FeedbackFile(folder / "feedback.db")
    run = folder / "evals" / "ferries-1" / "run.json"
    try:
        given = {one.by for one in feedback.newest(None, tenant="default")}
        return {key.name for key in keys.all()}, given, json.loads(run.read_text()) if run.exists() else []
    finally:
        keys.close()
        feedback.close()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but locks."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


OLD, NEW = ({"old"}, {"old"}, ["old"]), ({"one", "two"}, {"one", "two"}, ["one", "two"])


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    back_up(filled(tmp_path / "there", "one", "two"), tmp_path / "there.tar.gz")
    return tmp_path / "there.tar.gz"


# ── There and back ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_precious_comes_back_elsewhere(tmp_path: Path, archive: Path):
    backup = restore(archive, tmp_path / "here")
    assert held(tmp_path / "here") == NEW
    assert set(backup.files) == {"project.db", "keys.db", "feedback.db", "evals/ferries-1/run.json"}
    assert backup.size == archive.stat().st_size
    assert {path.name for path in (tmp_path / "here").iterdir()} == {
        "project.db",
        "keys.db",
        "feedback.db",
        "evals",
        "open.lock",
    }


def test_what_can_be_made_again_is_left_out(tmp_path: Path):
    folder = filled(tmp_path / "there", "one")
    for name in ("answers.db", "cache.db", "tokens.db", "replies.db", "traces.db", "other.db"):
        with closing(sqlite3.connect(folder / name)) as db:
            db.execute("CREATE TABLE it (that)")
    (folder / "strange.db").write_text("no database")
    (folder / "chroma").mkdir()
    (folder / "chroma" / "chroma.sqlite3").write_text("vectors")
    backup = back_up(folder, tmp_path / "x.tar.gz")
    assert set(backup.files) == {"project.db", "keys.db", "feedback.db", "other.db", "evals/ferries-1/run.json"}


def test_the_archive_is_for_its_owner_alone_and_names_nobody(tmp_path: Path, archive: Path):
    assert archive.stat().st_mode & 0o777 == 0o600
    with tarfile.open(archive) as tar:
        assert {(one.uid, one.uname, one.mode) for one in tar} == {(0, "", 0o600)}
    restore(archive, tmp_path / "here")
    assert (tmp_path / "here" / "keys.db").stat().st_mode & 0o777 == 0o600
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")], "nothing is left beside it"


def test_what_came_after_the_backup_is_gone_after_it_is_put_back(tmp_path: Path, archive: Path):
    here = filled(tmp_path / "here", "old")
    with closing(sqlite3.connect(here / "conversations.db")) as db:
        db.execute("CREATE TABLE it (that)")
    restore(archive, here, force=True)
    assert held(here) == NEW
    assert not (here / "conversations.db").exists()


# ── One moment ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_all_files_are_as_of_one_moment_while_others_write(tmp_path: Path):
    """Each step is written into the first file and then into the second: no copy may know it of the second alone."""
    folder = tmp_path / "there"
    folder.mkdir()
    names, ended = ("first.db", "second.db"), threading.Event()
    for name in names:
        with closing(sqlite3.connect(folder / name)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("CREATE TABLE steps (n INTEGER, filler TEXT)")
            db.executemany("INSERT INTO steps VALUES (0, ?)", [("x" * 4000,)] * 500)
            db.commit()

    def write() -> None:
        files = [sqlite3.connect(folder / name, timeout=30, isolation_level=None) for name in names]
        step = 0
        while not ended.is_set():
            step += 1
            for db in files:
                db.execute("INSERT INTO steps VALUES (?, ?)", (step, "x" * 4000))
        for db in files:
            db.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found: list[int] = []
        for number in range(8):
            back_up(folder, tmp_path / f"{number}.tar.gz")
            restore(tmp_path / f"{number}.tar.gz", tmp_path / str(number))
            steps: list[int] = []
            for name in names:
                with closing(sqlite3.connect(tmp_path / str(number) / name)) as db:
                    steps.append(db.execute("SELECT MAX(n) FROM steps").fetchone()[0])
            assert steps[0] - steps[1] in (0, 1), steps
            found.append(steps[0])
        assert found == sorted(found)
        assert found[-1] > found[0], "nobody wrote meanwhile"
    finally:
        ended.set()
        writer.join()


# ── What is refused ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_not_written_over(tmp_path: Path):
    folder = filled(tmp_path / "there", "one")
    target = tmp_path / "x.tar.gz"
    target.write_text("mine")
    with pytest.raises(UsageError, match="there is a file already"):
        back_up(folder, target)
    assert target.read_text() == "mine"


def test_there_is_a_place_and_something_to_copy(tmp_path: Path):
    with pytest.raises(UsageError, match="nothing to copy"):
        back_up(tmp_path / "nowhere", tmp_path / "x.tar.gz")
    with pytest.raises(UsageError, match="no such folder"):
        back_up(filled(tmp_path / "there", "one"), tmp_path / "nowhere" / "x.tar.gz")
    with pytest.raises(UsageError, match="no such file"):
        restore(tmp_path / "x.tar.gz", tmp_path / "here")


def test_a_state_is_replaced_only_by_force(tmp_path: Path, archive: Path):
    here = filled(tmp_path / "here", "old")
    before = contents(here)
    with pytest.raises(UsageError, match=r"a state already.*--force"):
        restore(archive, here)
    assert contents(here) == before


def test_nothing_is_replaced_under_who_has_it_open(tmp_path: Path, archive: Path):
    here = filled(tmp_path / "here", "old")
    using = Using(here)
    using.begin()
    with pytest.raises(IndexBusy, match="Stop the service"):
        restore(archive, here, force=True)
    assert held(here) == OLD
    using.end()
    restore(archive, here, force=True)
    assert held(here) == NEW


def changed(archive: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    """Writes the archive again, with its members changed."""
    with tarfile.open(archive) as tar:
        members = {one.name: file.read() for one in tar if (file := tar.extractfile(one))}
    change(members)
    with tarfile.open(archive, "w:gz") as tar:
        for name, data in members.items():
            one = tarfile.TarInfo(name)
            one.size = len(data)
            tar.addfile(one, io.BytesIO(data))


def said(members: dict[str, bytes], **facts: object) -> None:
    members[MANIFEST] = json.dumps({**json.loads(members[MANIFEST]), **facts}).encode()


def led(members: dict[str, bytes], name: str) -> None:
    """Has the manifest name a file that leads elsewhere, with the digest of one that is right."""
    files = json.loads(members[MANIFEST])["files"]
    said(members, files={**files, name: files["keys.db"]})
    members[name] = members["keys.db"]


CHANGES: dict[str, Callable[[dict[str, bytes]], object]] = {
    "a file is missing": lambda members: members.pop("keys.db"),
    "a file is too many": lambda members: members.update({"more.db": b"more"}),
    "a file is another one": lambda members: members.update({"keys.db": members["project.db"]}),
    "a file is cut": lambda members: members.update({"keys.db": members["keys.db"][:-1]}),
    "no manifest": lambda members: members.pop(MANIFEST),
    "no JSON": lambda members: members.update({MANIFEST: b"{"}),
    "no object": lambda members: members.update({MANIFEST: b"[]"}),
    "no text": lambda members: members.update({MANIFEST: b"\xff\xfe"}),
    "no files": lambda members: said(members, files=3),
    "another format": lambda members: said(members, format=2),
    "a newer version": lambda members: said(members, ragstone="999.0.0"),
    "above": lambda members: led(members, "../keys.db"),
    "above, within": lambda members: led(members, "evals/../../keys.db"),
    "the root": lambda members: led(members, "/keys.db"),
    "a place of nothing precious": lambda members: led(members, "chroma/keys.db"),
    "a lock": lambda members: led(members, "open.lock"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_an_archive_that_is_not_whole_changes_nothing(
    tmp_path: Path, archive: Path, change: Callable[[dict[str, bytes]], object]
):
    changed(archive, change)
    here = filled(tmp_path / "here", "old")
    before = contents(tmp_path / "here"), {path.name for path in tmp_path.iterdir()}
    with pytest.raises(StateError) as refused:
        restore(archive, here, force=True)
    assert refused.value.where == str(archive)
    assert (contents(here), {path.name for path in tmp_path.iterdir()}) == before


def test_a_newer_one_says_what_to_install(tmp_path: Path, archive: Path):
    changed(archive, CHANGES["a newer version"])
    with pytest.raises(StateError, match=r"Install ragstone 999\.0\.0"):
        restore(archive, tmp_path / "here")


NO_ARCHIVES = (b"", b"no archive", gzip.compress(b"no tar"), gzip.compress(bytes(10_240)))


@pytest.mark.parametrize("data", NO_ARCHIVES, ids=("empty", "words", "no tar", "zeros"))
def test_what_is_no_archive_changes_nothing(tmp_path: Path, data: bytes):
    (tmp_path / "x.tar.gz").write_bytes(data)
    here = filled(tmp_path / "here", "old")
    with pytest.raises(StateError):
        restore(tmp_path / "x.tar.gz", here, force=True)
    assert held(here) == OLD


def test_one_that_is_cut_or_has_a_wrong_byte_is_told(tmp_path: Path, archive: Path):
    here, whole = filled(tmp_path / "here", "old"), archive.read_bytes()
    with gzip.open(archive) as file:
        said = file.read()
    for place in range(20, len(whole) - 8, max(1, len(whole) // 40)):
        for broken in (whole[:place], whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]):
            archive.write_bytes(broken)
            if not same(broken, said):
                with pytest.raises(StateError):
                    restore(archive, here, force=True)
    assert held(here) == OLD


def same(packed: bytes, said: bytes) -> bool:
    """Whether it says the same: in a run of zeros there is more than one way to."""
    try:
        return gzip.decompress(packed) == said
    except (OSError, EOFError, zlib.error):
        return False


# ── In the middle ───────────────────────────────────────────────────────────────────────────────────────────────────


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("step", range(30))
def test_who_is_killed_while_putting_it_back_leaves_it_to_the_next(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch, step: int
):
    here = filled(tmp_path / "here", "old")
    steps = iter(range(step))
    true = {name: getattr(Path, name) for name in ("unlink", "replace", "rename")}

    def dying(name: str) -> Callable[..., object]:
        def method(path: Path, *given: object, **named: object) -> object:
            if next(steps, None) is None:
                raise Killed
            return true[name](path, *given, **named)

        return method

    with monkeypatch.context() as patched:
        for name in true:
            patched.setattr(Path, name, dying(name))
        try:
            restore(archive, here, force=True)
            ended = True
        except Killed:
            ended = False
    using = Using(here)
    using.begin()
    using.end()
    assert held(here) == (OLD if step == 0 else NEW), "neither the one nor the other"
    assert not moving.unfinished(here)
    if step < 12:
        assert not ended, "nothing was interrupted"


def test_one_that_is_being_finished_keeps_others_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    here = filled(tmp_path / "here", "old")
    monkeypatch.setattr("ragstone.state.backups.using.PATIENCE", 0.0)
    first, second = Using(here), Using(here)
    first.begin()
    (here / moving.WHOLE).mkdir()
    with pytest.raises(IndexBusy):
        second.begin()
