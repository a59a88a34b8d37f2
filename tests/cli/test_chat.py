"""`ragstone chat` with kept conversations, and `ragstone forget --user`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import ragstone
from ragstone.cli.app import app

SHIPS = "When does the halibut project ship?"


def chat(*words: str, asking: str = f"{SHIPS}\n") -> Result:
    return CliRunner().invoke(app, ["chat", *words], input=asking)


def listed(*words: str) -> list[dict[str, Any]]:
    return json.loads(chat("--list", "--json", *words).stdout)


def test_a_conversation_is_kept_listed_and_goes_on(ingested: Path):
    assert chat().exit_code == 0
    (kept,) = listed()
    assert (kept["title"], kept["turns"]) == (SHIPS, 1)
    assert kept["id"] in chat("--list").stdout
    again = chat("--resume", kept["id"], asking=f"{SHIPS}\n")
    assert (again.exit_code, "3 May 2031" in again.stdout) == (0, True)
    assert chat("--resume", "last", asking="Which fonts are allowed?\n").exit_code in (0, 3)
    assert [one["turns"] for one in listed()] == [3]


def test_each_person_has_conversations_of_their_own(ingested: Path):
    chat("--user", "ana")
    (kept,) = listed("--user", "ana")
    assert listed() == listed("--user", "bob") == []
    other = chat("--resume", kept["id"], "--user", "bob")
    assert (other.exit_code, "there is no conversation" in other.stderr) == (2, True)


def test_a_conversation_asks_for_its_principals(ingested: Path):
    chat("--principal", "group:hr")
    assert listed() == []
    (kept,) = listed("--principal", "group:hr", "--principal", "group:it")
    refused = chat("--resume", kept["id"])
    assert (refused.exit_code, "there is no conversation" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("chat", "--list", "--resume", "x"), "exclude each other"),
        (("chat", "--resume", "absent"), "there is no conversation 'absent'"),
        (("chat", "--resume", "last"), "there is no conversation to go on with"),
        (("forget",), "nothing to forget"),
        (("forget", "a.md", "--user", "ana"), "forgets a document or a person"),
        (("forget", "--user", "ana", "--undo"), "forgets a document or a person"),
        (("forget", "--user", ""), "the user is wrong"),
    ],
)
def test_a_bad_call_says_what_is_wrong(ingested: Path, words: tuple[str, ...], told: str):
    found = CliRunner().invoke(app, list(words), input="")
    assert (found.exit_code, told in found.stderr) == (2, True), found.stderr


def test_everything_of_a_person_is_removed(ingested: Path):
    chat("--user", "ana")
    chat("--user", "bob")
    with ragstone.open(ingested) as rag:
        (trace,) = [one for one in rag.traces(principals=None) if one.facts.get("user") == "ana"]
        rag.feedback(trace.id, good=True, by="ana", principals=None)
        rag.feedback(trace.id, good=False, by="bob", principals=None)
    gone = CliRunner().invoke(app, ["forget", "--user", "ana"])
    assert gone.stdout.strip() == "Removed of ana: 1 conversation, 1 trace, 1 word of feedback."
    assert listed("--user", "ana") == []
    assert len(listed("--user", "bob")) == 1
    with ragstone.open(ingested) as rag:
        assert [one.facts.get("user") for one in rag.traces(principals=None) if one.name == "chat"] == ["bob"]
        assert [one.by for one in rag.feedbacks()] == ["bob"]
    nothing = CliRunner().invoke(app, ["forget", "--user", "ana", "--json"])
    assert json.loads(nothing.stdout) == {"user": "ana", "conversations": 0, "feedback": 0, "traces": 0}


def test_a_forgotten_document_is_gone_from_conversations(ingested: Path):
    chat()
    (kept,) = listed()
    assert CliRunner().invoke(app, ["forget", "documents/halibut.md"]).exit_code == 0
    with ragstone.open(ingested) as rag:
        (turn,) = rag.conversations().turns(kept["id"])
    assert (turn.question, turn.text, turn.citations, turn.forgotten) == (SHIPS, "", (), True)
