"""`ragstone prompt explain` of an answer of a form."""

from __future__ import annotations

import json
from pathlib import Path


def test_explain_names_what_the_answer_holds(project: Path, run):
    text = (project / "prompts" / "answer.prompty").read_text(encoding="utf-8")
    outputs = "outputs:\n  - {name: year, kind: integer}\n  - {name: sure, kind: boolean}\nmetadata:"
    (project / "prompts" / "form.prompty").write_text(text.replace("metadata:", outputs, 1), encoding="utf-8")
    assert "outputs: year, sure; sent as a schema" in run("prompt", "explain", "form").stderr
    shown = json.loads(run("prompt", "explain", "form", "--json").stdout)
    assert list(shown["outputs"]["properties"]) == ["year", "sure"]
    assert "outputs" not in json.loads(run("prompt", "explain", "answer", "--json").stdout)


def test_check_finds_a_broken_form(project: Path, run):
    text = (project / "prompts" / "answer.prompty").read_text(encoding="utf-8")
    outputs = "outputs:\n  type: object\n  properties: {year: {type: intger}}\nmetadata:"
    (project / "prompts" / "form.prompty").write_text(text.replace("metadata:", outputs, 1), encoding="utf-8")
    shown = run("check")
    assert shown.exit_code != 0
    said = " ".join((shown.stdout + shown.stderr).split())
    assert "unknown type 'intger'" in said
    assert "Did you mean 'integer'?" in said
