"""What was acknowledged, beside what the stores hold once the run is over. Less than that is loss."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

from loading.growing import verified
from stack import Stack

__all__ = ["kept"]


def kept(stack: Stack, lines: Sequence[Mapping[str, Any]], acknowledged: Iterable[str]) -> list[dict[str, Any]]:
    """One entry for each kind of thing: how many were acknowledged, how many are there, and how many are lost."""
    documents = {f"{stack.documents.name}/{name}" for name in acknowledged}
    said = {tuple(line["feedback"]) for line in lines if "feedback" in line}
    talked = {(line["conversation"], line["trace"]) for line in lines if "conversation" in line}
    listed = json.loads(stack.ragstone("feedback", "list", "--json").stdout)
    there = {(one["trace"], one["by"]) for one in listed}
    return [
        _entry("documents", documents, _documents(stack)),
        {"what": "differences between the indexes", "acknowledged": 0, "there": 0, "lost": _differences(stack)},
        _entry("feedback", said, there),
        _entry("turns of conversations", talked, _turns(stack)),
        *_spent(stack, lines),
    ]


def _entry(what: str, acknowledged: set[Any], there: set[Any]) -> dict[str, Any]:
    lost = acknowledged - there
    return {"what": what, "acknowledged": len(acknowledged), "there": len(there & acknowledged), "lost": len(lost)}


def _documents(stack: Stack) -> set[str]:
    file = stack.folder / "volumes/state/project.db"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        return {uri for (uri,) in db.execute("SELECT uri FROM documents WHERE pipeline = 'ingest' AND state = 'live'")}


def _turns(stack: Stack) -> set[tuple[str, str]]:
    """Each by its conversation and its trace."""
    file = stack.folder / "volumes/state/conversations.db"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        turns = db.execute("SELECT c.id, t.turn FROM conversation_turns t JOIN conversations c ON c.ref = t.ref")
        return {(name, json.loads(turn)["trace_id"]) for name, turn in turns}


def _differences(stack: Stack) -> int:
    return verified(stack.ragstone("index", "verify", "--json").stdout)


def _spent(stack: Stack, lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The ledger has at least what the answers say that they took; those that nobody waited for are in it, too."""
    told = [line["usage"] for line in lines if line.get("usage") and not line["cached"]]
    costs = json.loads(stack.ragstone("costs", "--json").stdout)
    spent = [*costs["spent"], *costs["open"]]
    found: list[dict[str, Any]] = []
    for what in ("input_tokens", "output_tokens"):
        said, there = sum(usage[what] for usage in told), sum(row[what] for row in spent)
        found.append(
            {"what": f"{what} of the ledger", "acknowledged": said, "there": there, "lost": max(said - there, 0)}
        )
    return found
