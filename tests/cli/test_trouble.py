"""What a person sees of a model that breaks off: in the answer, and in its trace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from openai_server import Server, piece, serving, streamed

SHIPS = "When does the halibut project ship?"
WHOLE = streamed(piece("It ships on 3 May 2031 [1]."), piece(finish_reason="stop"))
SILENT = streamed(piece(), done=False)  # it ends before its first word
HALF = streamed(piece("It ships on 4 "), done=False)


@pytest.fixture
def server(ingested: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The model of the project."""
    with serving() as server:
        monkeypatch.setenv("RAGSTONE_LOCAL_URL", server.url)
        monkeypatch.setenv("RAGSTONE_LOCAL_MODEL", "m")
        yield server


def test_a_retry_is_seen_in_the_trace_and_nowhere_else(server: Server, run):
    server.will(SILENT, WHOLE)
    shown = run("ask", SHIPS)
    assert shown.stdout.startswith("It ships on 3 May 2031 [1].")
    assert "broke off" not in shown.stderr
    trace = " ".join(run("trace", "show").stdout.split())
    assert "model=local" in trace
    assert "tries: - seconds=" in trace
    assert "brokeoff" in trace.replace(" ", "")  # the table folds its lines


def test_an_answer_that_nobody_has_read_begins_anew(server: Server, run):
    server.will(HALF)
    shown = run("ask", SHIPS)
    assert "The halibut project ships on 3 May 2031. [1]" in shown.stdout, shown.stderr  # by the extractive model
    assert "its answer broke off" in shown.stderr


def test_an_error_that_ended_every_try_is_said_once_in_the_trace(server: Server, run):
    server.will(SILENT, SILENT, SILENT)
    assert run("ask", SHIPS).exit_code == 0
    trace = "".join(run("trace", "show").stdout.split())
    assert trace.count('error="asbelow"') == 3
    assert trace.count("brokeoff") == 2  # in the notice, and below the tries


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody reads along."""
    monkeypatch.setattr("ragstone.cli.show.err", Console(stderr=True, highlight=False, force_terminal=True))


def test_an_answer_that_breaks_off_before_a_readers_eyes_is_an_error(server: Server, terminal: None, run):
    server.will(HALF)
    shown = run("ask", SHIPS)
    assert (shown.exit_code != 0, shown.stdout) == (True, "")
    assert "its answer broke off" in shown.stderr


def test_it_begins_anew_where_the_route_says_so(ingested: Path, server: Server, terminal: None, run):
    path = ingested / "pipelines" / "answer.yaml"
    path.write_text(path.read_text().replace("models: [local, extractive]", "models: [local], broken: restart"))
    server.will(HALF, WHOLE)
    shown = run("ask", SHIPS)
    assert shown.stdout.startswith("It ships on 3 May 2031 [1]."), shown.stderr
    assert "4" not in shown.stdout.splitlines()[0]
