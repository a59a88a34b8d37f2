"""A file that many threads share."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ragstone.errors import StateError
from ragstone.state.database import Database, create


def numbers(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE IF NOT EXISTS numbers (one INTEGER)")


def held(database: Database) -> list[int]:
    with database.reading() as db:
        return [one for (one,) in db.execute("SELECT one FROM numbers ORDER BY one")]


@pytest.fixture(params=["file", "memory"])
def database(request: pytest.FixtureRequest, tmp_path: Path):
    made = Database(tmp_path / "deep/numbers.db" if request.param == "file" else None, numbers)
    yield made
    made.close()


def test_all_of_a_block_is_written_or_nothing(database: Database):
    with database.writing() as db:
        db.execute("INSERT INTO numbers VALUES (1)")

    def half() -> None:
        with database.writing() as db:
            db.execute("INSERT INTO numbers VALUES (2)")
            db.execute("INSERT INTO nothing VALUES (3)")

    with pytest.raises(sqlite3.OperationalError):
        half()
    assert held(database) == [1]


def test_many_threads_write_into_one_file(database: Database):
    def write(one: int) -> None:
        with database.writing() as db:
            db.execute("INSERT INTO numbers VALUES (?)", (one,))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(100)))
    assert held(database) == list(range(100))


def test_a_file_that_was_deleted_is_made_anew(tmp_path: Path):
    database = Database(tmp_path / "numbers.db", numbers)
    with database.writing() as db:
        db.execute("INSERT INTO numbers VALUES (1)")
    for path in tmp_path.glob("numbers.db*"):
        path.unlink()
    assert held(database) == []
    assert database.opens == 2
    database.close()


def test_a_closed_file_opens_again(tmp_path: Path):
    database = Database(tmp_path / "numbers.db", numbers)
    with database.writing() as db:
        db.execute("INSERT INTO numbers VALUES (1)")
    database.close()
    database.close()
    assert held(database) == [1]
    database.close()


def test_a_file_of_another_version_is_refused_with_what_to_do(tmp_path: Path):
    def made(version: int) -> Database:
        where = str(tmp_path / "numbers.db")
        script = "CREATE TABLE numbers (one INTEGER); INSERT INTO numbers VALUES (7)"
        return Database(tmp_path / "numbers.db", lambda db: create(db, script, version=version, where=where))

    first = made(1)
    assert held(first) == [7]
    first.close()
    again = made(1)
    assert held(again) == [7], "its tables are made once"
    again.close()
    with pytest.raises(StateError, match="another version of Ragstone wrote this file") as caught:
        held(made(2))
    assert (caught.value.expected, caught.value.found) == ("format 2", "1")
