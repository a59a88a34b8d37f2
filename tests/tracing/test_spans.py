"""Traces as spans of OpenTelemetry: nested as they ran, and without a word of content unless it is wanted."""

from __future__ import annotations

import json

import pytest

from ragstone.trace import Step, StoredTrace
from ragstone.tracing import genai
from ragstone.tracing.spans import Span, spans_of, trace_id_of

WORD = "zanzibar"
TRACE = StoredTrace(
    id="3f9a0c1d2e4b5a67",
    name="ask",
    started=1_800_000_000.5,
    seconds=2.0,
    facts={
        "question": f"When does {WORD} ship?",
        "answer": f"{WORD} ships in May. [1]",
        "outcome": "answered",
        "model": "qwen",
        "prompt": "answer@0123456789abcdef",
        "citations": [f"{WORD}.md"],
        "cost": 0.25,
        "notices": [f"{WORD} is not configured"],
    },
    steps=(
        Step("retrieve", 0.0, 0.5, {"mode": "hybrid", "k": 8}),
        Step("retrieve.embed", 0.1, 0.1, {}),
        Step("retrieve.lexical", 0.1, 0.2, {"terms": [WORD], "k": 8}),
        Step("prompt", 0.6, 0.1, {"name": "answer", "version": "0123456789abcdef", "tokens": 99}),
        Step("generate", 0.7, 1.0, {"model": "qwen", "input_tokens": 90, "output_tokens": 9, "cached_tokens": 64}),
        Step("tool.search", 0.8, 0.1, {"given": WORD}),
        Step("generate", 1.7, 0.1, {"model": "other"}, error=f"ModelUnavailable: {WORD} is away"),
        Step("retrieve", 1.8, 0.1, {}),
        Step("retrieve.dense", 1.85, 0.01, {}),
    ),
    principals=(f"user:{WORD}",),
)


def named(spans: list[Span], name: str, number: int = 0) -> Span:
    return [span for span in spans if span.name == name][number]


def test_they_nest_as_they_ran():
    spans = spans_of(TRACE, tenant="acme")
    root = spans[0]
    assert (root.name, root.parent) == ("ask", b"")
    above = {span.id: span for span in spans}
    inside = {(span.name, above[span.parent].name) for span in spans[1:]}
    assert {
        ("retrieve", "ask"),
        ("retrieve.embed", "retrieve"),
        ("retrieve.lexical", "retrieve"),
        ("generate", "ask"),
        ("tool.search", "ask"),
    } <= inside
    assert named(spans, "retrieve.dense").parent == named(spans, "retrieve", 1).id, "and not the first of that name"
    assert len({span.id for span in spans}) == len(spans)
    assert trace_id_of(TRACE).hex().endswith(TRACE.id)


def test_their_times_are_those_of_the_steps():
    spans = spans_of(TRACE, tenant="acme")
    assert (spans[0].begun, spans[0].ended) == (1_800_000_000_500_000_000, 1_800_000_002_500_000_000)
    one = named(spans, "generate")
    assert (one.begun - spans[0].begun, one.ended - one.begun) == (700_000_000, 1_000_000_000)
    for span in spans:
        assert spans[0].begun <= span.begun <= span.ended <= spans[0].ended


def test_they_are_named_as_the_conventions_have_it():
    spans = spans_of(TRACE, tenant="acme")
    root, generate = spans[0].attributes, named(spans, "generate").attributes
    assert (root[genai.PROMPT], root[genai.PROMPT_VERSION]) == ("answer", "0123456789abcdef")
    assert (root[genai.RESPONSE_MODEL], root["ragstone.cost"], root["ragstone.tenant"]) == ("qwen", 0.25, "acme")
    assert (generate[genai.OPERATION], generate[genai.REQUEST_MODEL]) == ("chat", "qwen")
    used = (generate[genai.INPUT_TOKENS], generate[genai.OUTPUT_TOKENS], generate[genai.CACHED_TOKENS])
    assert used == (90, 9, 64)
    assert named(spans, "retrieve.embed").attributes[genai.OPERATION] == "embeddings"
    assert named(spans, "tool.search").attributes[genai.TOOL] == "search"
    for span in spans:
        assert (genai.OPERATION in span.attributes) == (genai.PROVIDER in span.attributes), span.name


def test_without_content_no_word_of_it_is_there():
    assert WORD not in repr(spans_of(TRACE, tenant="acme"))
    assert named(spans_of(TRACE, tenant="acme"), "generate", 1).error == "ModelUnavailable"


def test_with_content_it_is():
    spans = spans_of(TRACE, tenant="acme", content=True)
    (asked,) = json.loads(str(spans[0].attributes[genai.INPUT]))
    assert asked == {"role": "user", "parts": [{"type": "text", "content": f"When does {WORD} ship?"}]}
    assert WORD in str(spans[0].attributes[genai.OUTPUT])
    assert WORD in str(named(spans, "tool.search").attributes["ragstone.given"])
    assert named(spans, "generate", 1).error == f"ModelUnavailable: {WORD} is away"


@pytest.mark.parametrize("facts", [{}, {"outcome": "failed"}])
def test_a_trace_of_nothing_is_one_span(facts: dict[str, object]):
    trace = StoredTrace("ab", "ingest", 1.0, 0.0, facts, ())
    (span,) = spans_of(trace, tenant="default")
    assert span.error == ("failed" if facts else "")
    assert span.begun == span.ended
