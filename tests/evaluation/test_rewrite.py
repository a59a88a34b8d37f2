"""Keys of `retrieve:` are changed, and nothing else of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragstone.config import parse_yaml
from ragstone.evaluation.rewrite import changes, lines, rewritten
from ragstone.pipelines.spec import RerankSpec, RetrieveSpec

PATH = Path("answer.yaml")
LEXICAL = {"mode": "lexical", "rerank": None}

EDITS = {
    "in one line": (
        "# From a question.\nindex: ingest   # asked\n"
        "retrieve: {mode: hybrid, dense_weight: 0.6, k: 8}  # how\nprompt: a\n",
        "# From a question.\nindex: ingest   # asked\n"
        "retrieve: {mode: lexical, dense_weight: 0.6, k: 8, rerank: null}  # how\nprompt: a\n",
    ),
    "braces over lines": (
        "retrieve: {\n  mode: hybrid,  # both\n  k: 8  # passages\n}\nprompt: a\n",
        "retrieve: {\n  mode: lexical,  # both\n  k: 8, rerank: null  # passages\n}\nprompt: a\n",
    ),
    "empty braces": ("retrieve: {}\n", "retrieve: {mode: lexical, rerank: null}\n"),
    "a block": (
        "retrieve:\n  # how to search\n  mode:   hybrid  # both\n  k: 8  # passages\n\n# the words\nprompt: a\n",
        "retrieve:\n  # how to search\n  mode:   lexical  # both\n  k: 8  # passages\n  rerank: null\n\n"
        "# the words\nprompt: a\n",
    ),
    "a block within the block": (
        "retrieve:\n    rerank:\n        weight: 0.4  # half\n        top: 50  # at most\n    k: 8\nprompt: a\n",
        "retrieve:\n    rerank: null  # at most\n    k: 8\n    mode: lexical\nprompt: a\n",
    ),
    "no such part": ("index: ingest\nprompt: a", "index: ingest\nprompt: a\nretrieve: {mode: lexical, rerank: null}\n"),
    "a block without a last line break": (
        "retrieve:\n  k: 8",
        "retrieve:\n  k: 8\n  mode: lexical\n  rerank: null\n",
    ),
    "lines of Windows": (
        "retrieve:\r\n  mode: hybrid\r\nprompt: a\r\n",
        "retrieve:\r\n  mode: lexical\r\n  rerank: null\r\nprompt: a\r\n",
    ),
    "quoted": ('retrieve: {"mode": "hybrid"}\n', 'retrieve: {"mode": lexical, rerank: null}\n'),
}


@pytest.mark.parametrize("name", EDITS)
def test_only_those_keys_change(name: str) -> None:
    before, after = EDITS[name]
    assert rewritten(before, LEXICAL, path=PATH) == after


@pytest.mark.parametrize(
    "text",
    [
        "retrieve: &r {mode: hybrid}\nother: *r\n",  # the other one would change, too
        "base: &b {mode: hybrid}\nretrieve: *b\n",
        "{index: ingest, prompt: a}\n",
        "retrieve: hybrid\n",
        "retrieve: {mode: hybrid\n",
        "[1, 2]\n",
        "",
    ],
)
def test_what_cannot_be_edited_without_harm_is_left_to_a_person(text: str) -> None:
    assert rewritten(text, LEXICAL, path=PATH) is None


def test_a_reranker_is_written_with_what_differs_from_the_default() -> None:
    before = RetrieveSpec(rerank=None, smooth=0)
    after = before.model_copy(update={"rerank": RerankSpec(top=30), "smooth": 0.35})
    keys = changes(before, after)
    assert keys == {"rerank": {"by": "interaction", "top": 30}, "smooth": 0.35}
    text = rewritten("retrieve: {rerank: null, smooth: 0}\n", keys, path=PATH)
    assert text == "retrieve: {rerank: {by: interaction, top: 30}, smooth: 0.35}\n"
    assert RetrieveSpec.model_validate(parse_yaml(text, PATH).value["retrieve"]) == after


def test_the_lines_for_a_person_are_yaml_with_those_keys() -> None:
    keys = changes(RetrieveSpec(), RetrieveSpec(mode="lexical", rerank=None))
    assert parse_yaml(lines(keys), PATH).value == {"retrieve": LEXICAL}
