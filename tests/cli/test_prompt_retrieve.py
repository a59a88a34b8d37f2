"""What the commands of prompts say of the search before an answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

PROMPT = """\
---
name: wide
inputs:
  - {name: question, kind: string, required: true, example: Where is it}
metadata:
  ragstone:
    retrieve: {rewrite: [multi_query, hyde]}
---
user:
{{ passages }}

{{ question }}
"""


@pytest.fixture
def wide(project: Path) -> Path:
    path = project / "prompts" / "wide.prompty"
    path.write_text(PROMPT)
    return path


def test_show_and_list_tell_in_which_words_is_searched(wide: Path, run) -> None:
    assert "retrieve: on true, query question, rewrite multi_query, hyde" in run("prompt", "show", "wide").output
    found = json.loads(run("prompt", "show", "wide", "--json").stdout)["retrieve"]
    assert found == {"on": True, "query": "question", "rewrite": ["multi_query", "hyde"]}
    every = {one["name"]: one["rewrite"] for one in json.loads(run("prompt", "list", "--json").stdout)}
    assert (every["wide"], every["chat"], every["answer"]) == (["multi_query", "hyde"], ["condense"], [])
    assert "searches in other words: condense" in " ".join(run("prompt", "list").output.split())


def test_explain_says_what_a_model_would_be_asked_before(wide: Path, run) -> None:
    shown = run("prompt", "explain", "wide", "--set", "question=Why")
    assert shown.exit_code == 0, shown.output
    said = " ".join(shown.output.split())
    assert (
        "search: for question; before it a model is asked for other words: multi_query, hyde (not asked here)" in said
    )
    found = json.loads(run("prompt", "explain", "wide", "--set", "question=Why", "--json").stdout)
    assert found["retrieve"]["rewrite"] == ["multi_query", "hyde"]


def test_a_prompt_that_searches_nothing_says_so(wide: Path, run) -> None:
    wide.write_text(PROMPT.replace("{rewrite: [multi_query, hyde]}", "{on: false}").replace("{{ passages }}", "Hi."))
    assert "search: nothing is searched" in run("prompt", "explain", "wide", "--set", "question=Why").output
    assert json.loads(run("prompt", "show", "wide", "--json").stdout)["retrieve"] == {"on": False}


def test_check_names_the_place_of_a_wrong_way(wide: Path, run) -> None:
    wide.write_text(PROMPT.replace("multi_query,", "multi_qery,"))
    shown = run("check")
    assert shown.exit_code != 0
    said = " ".join(shown.output.split())
    assert "wide.prompty:7:26: there is no way 'multi_qery' to rewrite a question" in said
    assert "Did you mean 'multi_query'?" in said
