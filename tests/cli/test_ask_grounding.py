"""`ragstone ask` where the pipeline names the check `grounding`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openai_server import piece, serving, streamed

SHIPS = "When does the halibut project ship?"
SAID = "The halibut project ships on 3 May 2031 [1]. Its lead is Bob Stone [1]."


def checking(project: Path, check: str) -> None:
    """Has the project's answers pass a check."""
    path = project / "pipelines" / "answer.yaml"
    text = path.read_text(encoding="utf-8")
    assert "checks: [citations, egress]" in text
    path.write_text(
        text.replace("checks: [citations, egress]", f"checks:\n  - citations\n  - egress\n  - {check}"),
        encoding="utf-8",
    )


def answered(run: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a model's answer has become."""
    with serving() as server:
        monkeypatch.setenv("RAGSTONE_LOCAL_URL", server.url)
        monkeypatch.setenv("RAGSTONE_LOCAL_MODEL", "m")
        server.will(streamed(piece(SAID), piece(finish_reason="stop")))
        shown = run("ask", SHIPS, "--json")
    return {**json.loads(shown.stdout), "code": shown.exit_code}


def test_a_quotation_is_supported_and_the_answer_says_so(ingested: Path, run: Any):
    checking(ingested, "grounding")
    found = json.loads(run("ask", SHIPS, "--json").stdout)
    assert found["confidence"] == 1.0
    (verdict,) = [one for one in found["verdicts"] if one["check"] == "grounding"]
    assert (verdict["passed"], verdict["score"]) == (True, 0.0)
    assert "confidence: 100 % of the sentences are supported by the passages" in run("ask", SHIPS).stderr


def test_a_made_up_name_is_flagged_and_lowers_the_confidence(ingested: Path, run: Any, monkeypatch: pytest.MonkeyPatch):
    checking(ingested, "grounding")
    found = answered(run, monkeypatch)
    assert "Bob Stone" in found["text"]
    assert found["confidence"] == 0.5
    (verdict,) = [one for one in found["verdicts"] if one["check"] == "grounding"]
    assert (verdict["action"], verdict["reason"]) == ("flagged", "no passage names “Bob”, “Stone”")


def test_by_policy_it_is_taken_out_or_the_answer_refused(ingested: Path, run: Any, monkeypatch: pytest.MonkeyPatch):
    path = ingested / "pipelines" / "answer.yaml"
    before = path.read_text()
    checking(ingested, "grounding: {on_fail: filter}")
    found = answered(run, monkeypatch)
    assert found["text"].strip() == "The halibut project ships on 3 May 2031 [1]."
    assert found["confidence"] == 1.0
    path.write_text(before)
    checking(ingested, "grounding: {on_fail: refrain}")
    refused = answered(run, monkeypatch)
    assert (refused["abstained"], refused["code"]) == (True, 3)
    assert "Stone" not in refused["text"]


def test_a_wrong_threshold_is_named_with_its_place(ingested: Path, run: Any):
    checking(ingested, "grounding: {threshold: 2}")
    shown = run("ask", SHIPS)
    assert shown.exit_code == 2
    assert "pipelines/answer.yaml:" in shown.stderr
    assert "threshold is out of range" in shown.stderr
