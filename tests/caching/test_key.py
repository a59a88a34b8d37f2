"""No two requests that differ in anything that could shape the answer share a key."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.caching.key import (
    call_key,
    documents_of,
    question_keys,
    reply_key,
    scope_key,
    sentence_key,
    vector_keys,
    version_of,
)
from ragstone.output import Output
from ragstone.plan import ANSWER
from ragstone.types import Chunk, Context, Hit, Message, Options, Prompt, Shed, Slot, Span

WHO = Context(tenant="acme", principals=frozenset({"group:hr", "group:it"}))

CHUNK = Chunk(
    id="c1",
    document_id="d1",
    uri="a.md",
    title="A",
    text="Paris is the capital.",
    start=10,
    end=31,
    line=3,
    spans=(Span("page", 0, 100, "1"), Span("heading", 0, 50, "France", 1)),
    metadata={"year": 2024, "tags": ["x", "y"]},
    acl=("group:hr",),
    context="France.",
    parent=(0, 100),
)
SCHEMA = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}}
OUTPUT = Output(name="answer", schema=SCHEMA, strict=SCHEMA, words="As JSON.")
SLOTS = (
    Slot(name="passages", trust="retrieved", text="[1] Paris", hits=(Hit(CHUNK, 1, {"fused": 0.5}),)),
    Slot(name="question", trust="user", text="Where?", broken=("<|im_end|>",), mark="datamark", sign="^"),
)
PROMPT = Prompt(
    name="answer",
    version="v1",
    messages=(Message("system", "Answer."), Message("user", "Where?")),
    slots=SLOTS,
    options=Options(temperature=0, seed=1, stop=("END",)),
    abstain="I do not know.",
    output=OUTPUT,
)

SHAPELESS = object()
"""Of a field that shapes no answer: it is counted, or made of the others."""

PROMPTS: dict[str, Any] = {
    "name": "other",
    "version": "v2",
    "plan": SHAPELESS,
    "messages": (Message("system", "Answer."), Message("user", "When?")),
    "slots": (),
    "options": Options(),
    "abstain": None,
    "tokens": SHAPELESS,
    "counter": SHAPELESS,
    "stable_prefix_tokens": SHAPELESS,
    "stable_messages": SHAPELESS,
    "shed": SHAPELESS,
    "authored": SHAPELESS,  # the version is made of it
    "output": None,
    "reasons": True,
    "logprobs": True,
    "confidential": True,
    "sample": 1,
    "drawn": True,
    "loose": True,
}
UNSENT: dict[str, Any] = {
    "plan": (ANSWER, ANSWER),
    "tokens": 9,
    "counter": "words",
    "stable_prefix_tokens": 5,
    "stable_messages": 1,
    "shed": (Shed(kind="history", unit="x", tokens=1),),
    "authored": "Be brief.",
}
OPTIONS: dict[str, Any] = {
    "temperature": 0.1,
    "max_tokens": 5,
    "top_p": 0.5,
    "top_k": 3,
    "frequency_penalty": 0.5,
    "presence_penalty": 0.5,
    "seed": 2,
    "stop": ("END", "STOP"),
}
MESSAGES: dict[str, Any] = {"role": "assistant", "content": "Answer!"}
SLOT: dict[str, Any] = {
    "name": "texts",
    "trust": "tool",
    "text": "[1] Rome",
    "hits": (),
    "broken": ("<|im_start|>",),
    "tokens": SHAPELESS,
    "mark": "encode",
    "sign": "~",
}
CHUNKS: dict[str, Any] = {
    "id": "c2",
    "document_id": "d2",
    "uri": "b.md",
    "title": "B",
    "text": "Paris was the capital.",
    "start": 11,
    "end": 32,
    "line": None,
    "spans": CHUNK.spans[:1],
    "metadata": {"year": 2025, "tags": ["x", "y"]},
    "acl": ("group:it",),
    "context": "",
    "parent": None,
}
SPANS: dict[str, Any] = {"kind": "slide", "start": 1, "end": 99, "label": "2", "level": 2}
OUTPUTS: dict[str, Any] = {
    "name": "other",
    "schema": {"type": "object"},
    "strict": {"type": "object"},
    "words": "As an object.",
    "model": SHAPELESS,
}
HITS: dict[str, Any] = {"chunk": replace(CHUNK, text="Rome"), "rank": SHAPELESS, "scores": SHAPELESS}
CONTEXTS: dict[str, Any] = {
    "tenant": "other",
    "key": SHAPELESS,  # who pays shapes no answer
    "principals": frozenset({"group:hr"}),
    "deadline": SHAPELESS,
    "budget": SHAPELESS,
    "terms": SHAPELESS,
    "purse": SHAPELESS,
    "bounds": SHAPELESS,  # how many calls there may be shapes none of them
    "depth": SHAPELESS,
    "unread": SHAPELESS,
    "patient": SHAPELESS,
    "confidential": SHAPELESS,  # it is the prompt's, by the time that a model is asked
    "cache": SHAPELESS,
    "request": SHAPELESS,
    "trace": SHAPELESS,
}
DECIDED: dict[type, dict[str, Any]] = {
    Prompt: PROMPTS,
    Options: OPTIONS,
    Message: MESSAGES,
    Slot: SLOT,
    Chunk: CHUNKS,
    Span: SPANS,
    Output: OUTPUTS,
    Hit: HITS,
    Context: CONTEXTS,
}


def key(prompt: Prompt = PROMPT, *, context: Context = WHO, model: str = "m", n: int = 1) -> bytes:
    return call_key(prompt, model=model, n=n, context=context)


def with_chunk(chunk: Chunk) -> Prompt:
    return replace(PROMPT, slots=(replace(SLOTS[0], hits=(Hit(chunk, 1, {"fused": 0.5}),)), SLOTS[1]))


def inside(kind: type) -> Callable[[str, Any], bytes]:
    """The key of the request with one field of one of its parts changed."""
    places: dict[type, Callable[[str, Any], bytes]] = {
        Prompt: lambda name, value: key(replace(PROMPT, **{name: value})),
        Options: lambda name, value: key(replace(PROMPT, options=replace(PROMPT.options, **{name: value}))),
        Message: lambda name, value: key(
            replace(PROMPT, messages=(replace(PROMPT.messages[0], **{name: value}), PROMPT.messages[1]))
        ),
        Slot: lambda name, value: key(replace(PROMPT, slots=(replace(SLOTS[0], **{name: value}), SLOTS[1]))),
        Chunk: lambda name, value: key(with_chunk(replace(CHUNK, **{name: value}))),
        Span: lambda name, value: key(
            with_chunk(replace(CHUNK, spans=(replace(CHUNK.spans[0], **{name: value}), CHUNK.spans[1])))
        ),
        Output: lambda name, value: key(replace(PROMPT, output=replace(OUTPUT, **{name: value}))),
        Hit: lambda name, value: key(
            replace(PROMPT, slots=(replace(SLOTS[0], hits=(replace(SLOTS[0].hits[0], **{name: value}),)), SLOTS[1]))
        ),
        Context: lambda name, value: key(context=replace(WHO, **{name: value})),
    }
    return places[kind]


@pytest.mark.parametrize("kind", DECIDED, ids=lambda kind: kind.__name__)
def test_every_field_was_decided_about(kind: type) -> None:
    """A field that is new fails here, until this page says what becomes of it."""
    assert set(DECIDED[kind]) == {field.name for field in fields(kind)}


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind, table in DECIDED.items() for name in table if table[name] is not SHAPELESS],
    ids=lambda each: each if isinstance(each, str) else each.__name__,
)
def test_a_request_that_differs_in_one_field_has_another_key(kind: type, name: str) -> None:
    assert inside(kind)(name, DECIDED[kind][name]) != key()


@pytest.mark.parametrize("name", UNSENT)
def test_what_is_counted_and_not_sent_changes_no_key(name: str) -> None:
    assert key(replace(PROMPT, **{name: UNSENT[name]})) == key()


def test_scores_and_who_pays_change_no_key() -> None:
    assert inside(Hit)("scores", {"fused": 0.25}) == inside(Hit)("rank", 7) == key()
    assert key(context=replace(WHO, key="app", budget=1.0, deadline=5.0, cache="refresh")) == key()


def test_the_model_and_the_number_of_answers_are_in_the_key() -> None:
    assert len({key(), key(model="m2"), key(n=2), key(model="m", n=3)}) == 4


# ── Order and boundaries ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_order_of_messages_hits_and_properties_is_in_the_key() -> None:
    other = replace(CHUNK, id="c2", text="Lyon")
    one, two = Hit(CHUNK, 1, {}), Hit(other, 2, {})
    turned = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}
    assert turned == SCHEMA, "equal, but for the order in which a model writes them"
    requests = [
        PROMPT,
        replace(PROMPT, messages=PROMPT.messages[::-1]),
        replace(PROMPT, slots=SLOTS[::-1]),
        replace(PROMPT, slots=(replace(SLOTS[0], hits=(one, two)), SLOTS[1])),
        replace(PROMPT, slots=(replace(SLOTS[0], hits=(two, one)), SLOTS[1])),
        replace(PROMPT, slots=(replace(SLOTS[0], hits=(one,)), replace(SLOTS[1], hits=(two,)))),
        replace(PROMPT, output=replace(OUTPUT, schema=turned)),
        replace(PROMPT, output=replace(OUTPUT, strict=turned)),
    ]
    assert len({key(each) for each in requests}) == len(requests)


def test_equal_sets_have_one_key_in_whatever_order_they_were_written() -> None:
    assert key(with_chunk(replace(CHUNK, metadata={"tags": ["x", "y"], "year": 2024}))) == key()
    first, second = (replace(CHUNK, acl=acl) for acl in (("a", "b"), ("b", "a")))
    assert key(with_chunk(first)) == key(with_chunk(second))
    assert key(context=replace(WHO, principals=frozenset({"group:it", "group:hr"}))) == key()


TEXTS = st.text(alphabet=st.characters(), max_size=4)  # lone surrogates, too


@given(st.lists(TEXTS, max_size=3), st.lists(TEXTS, max_size=3))
def test_where_one_text_ends_and_the_next_begins_is_in_the_key(one: list[str], two: list[str]) -> None:
    def asked(texts: list[str]) -> bytes:
        return key(replace(PROMPT, messages=tuple(Message("user", text) for text in texts)))

    def stopped(texts: list[str]) -> bytes:
        return key(replace(PROMPT, options=Options(stop=tuple(texts))))

    def principals(texts: list[str]) -> bytes:
        return key(context=replace(WHO, principals=frozenset(texts)))

    assert (asked(one) == asked(two)) == (one == two)
    assert (stopped(one) == stopped(two)) == (one == two)
    assert (principals(one) == principals(two)) == (set(one) == set(two))


PLACES = ("message", "answer", "passages", "chunk", "other chunk", "question")


def spread(texts: tuple[str, ...]) -> Prompt:
    """A request with these texts in its places, one behind the other."""
    first, second, passages, chunk, other, question = texts
    hits = tuple(Hit(replace(CHUNK, text=text), 1, {}) for text in (chunk, other))
    return replace(
        PROMPT,
        messages=(Message("user", first), Message("user", second)),
        slots=(replace(SLOTS[0], text=passages, hits=hits), replace(SLOTS[1], text=question)),
    )


SHORT = st.tuples(*(st.sampled_from(["", "a", "ab", "b", "ba"]) for _ in PLACES))


@given(SHORT, SHORT)
def test_the_same_characters_divided_otherwise_are_another_request(one: tuple[str, ...], two: tuple[str, ...]) -> None:
    assert (key(spread(one)) == key(spread(two))) == (one == two)


@pytest.mark.parametrize("place", range(len(PLACES) - 1), ids=lambda at: f"{PLACES[at]} and {PLACES[at + 1]}")
def test_a_character_that_moves_to_the_next_text_makes_another_key(place: int) -> None:
    one = [*("x" * len(PLACES))]
    two = [*one]
    one[place : place + 2] = ["ab", "c"]
    two[place : place + 2] = ["a", "bc"]
    assert key(spread(tuple(one))) != key(spread(tuple(two)))


def test_a_character_that_moves_to_the_next_slot_makes_another_key() -> None:
    def slots(*texts: str) -> bytes:
        return key(replace(PROMPT, slots=tuple(Slot(name="text", trust="user", text=text) for text in texts)))

    assert len({slots("ab", "c"), slots("a", "bc"), slots("abc", ""), slots("", "abc"), slots("abc")}) == 5


ALIKE = [
    "a",
    "а",
    "ａ",
    "a\u0301",
    "á",
    "\u200ba",
    "😀",
    "\ud83d\ude00",
    "\ud83d",
    "\ude00",
    "",
    " ",
    "\0",
    "null",
    "é",
    "é",
]


def test_texts_that_look_alike_are_told_apart() -> None:
    texts = list(dict.fromkeys(ALIKE))
    assert len({key(replace(PROMPT, messages=(Message("user", text),))) for text in texts}) == len(texts)
    assert len({key(with_chunk(replace(CHUNK, text=text))) for text in texts}) == len(texts)
    assert len(set(vector_keys("m", texts))) == len(texts)
    replies = {reply_key(tenant="t", connector="c", fingerprint="f", path=text) for text in texts}
    assert len(replies) == len(texts)
    said = {scope_key({}, history=[Message("user", text)], context=WHO) for text in texts}
    assert len(said) == len(texts)


VALUES: list[Any] = [
    1,
    1.0,
    True,
    "1",
    "true",
    [1],
    ["1"],
    [True],
    [[1]],
    0,
    0.0,
    -0.0,
    False,
    "",
    [],
    "null",
    None,
    float("nan"),
    "NaN",
]


def test_numbers_texts_and_truth_values_are_told_apart() -> None:
    assert len({key(with_chunk(replace(CHUNK, metadata={"x": value}))) for value in VALUES}) == len(VALUES)
    assert len({scope_key({"x": value}, context=WHO) for value in VALUES}) == len(VALUES)
    assert len({key(with_chunk(replace(CHUNK, metadata={name: 1}))) for name in ("1", 1, True)}) == 3  # type: ignore[misc]
    empty = [replace(PROMPT, abstain=abstain) for abstain in (None, "", "None", "null")]
    assert len({key(each) for each in empty}) == len(empty)


METADATA = st.dictionaries(
    st.text(max_size=2),
    st.one_of(st.integers(-2, 2), st.booleans(), st.text(max_size=2), st.lists(st.text(max_size=2))),
)


@given(METADATA, METADATA)
def test_metadata_have_one_key_exactly_where_they_say_the_same(one: dict[str, Any], two: dict[str, Any]) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)
    assert (key(with_chunk(replace(CHUNK, metadata=one))) == key(with_chunk(replace(CHUNK, metadata=two)))) == same


@pytest.mark.parametrize("odd", [object(), {1, 2}, b"bytes", 1j])
def test_what_json_cannot_say_has_no_key(odd: Any) -> None:
    with pytest.raises(TypeError):
        key(with_chunk(replace(CHUNK, metadata={"x": odd})))
    with pytest.raises(TypeError):
        key(replace(PROMPT, output=replace(OUTPUT, schema={1: "x"})))  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        scope_key({"x": {1: "x"}}, context=WHO)


# ── Who shares ──────────────────────────────────────────────────────────────────────────────────────────────────────


def public(prompt: Prompt, **who: Any) -> bytes:
    return call_key(prompt, model="m", scope="public", context=replace(WHO, **who))


def test_tenants_share_only_what_rests_on_public_passages_alone() -> None:
    open_, other = replace(CHUNK, acl=("public",)), replace(CHUNK, acl=("public",), id="x", document_id="y")
    assert public(with_chunk(open_)) == public(with_chunk(other), tenant="else", principals=frozenset())
    assert public(with_chunk(open_)) != key(with_chunk(open_))
    private = [
        with_chunk(CHUNK),
        replace(with_chunk(open_), confidential=True),
        replace(PROMPT, slots=()),
        replace(PROMPT, slots=(replace(SLOTS[0], hits=(Hit(open_, 1, {}), Hit(CHUNK, 2, {}))),)),
        replace(PROMPT, slots=(*with_chunk(open_).slots, Slot(name="crm", trust="tool", text="Ada owes 3 EUR"))),
    ]
    for prompt in private:
        assert public(prompt) != public(prompt, tenant="else")
        assert public(prompt) != public(prompt, principals=frozenset())
    assert public(with_chunk(open_)) != public(with_chunk(replace(open_, text="Rome")))
    assert public(with_chunk(open_)) != public(with_chunk(replace(open_, uri="b.md")))


def test_a_version_changes_with_what_is_shown_cited_or_allowed() -> None:
    kept = {"id", "document_id"}
    for name, value in CHUNKS.items():
        assert (version_of(replace(CHUNK, **{name: value})) == version_of(CHUNK)) == (name in kept), name


def test_the_documents_of_hits_are_tags() -> None:
    hits = [Hit(replace(CHUNK, document_id=each), 1, {}) for each in ("d2", "d1", "d2")]
    assert documents_of(hits) == ["document:d1", "document:d2"]


# ── Texts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5), st.text(max_size=5))
def test_keys_of_texts_differ_in_the_embedder_the_kind_and_the_text(a: str, b: str, x: str, y: str) -> None:
    assert (vector_keys(a, [x]) == vector_keys(b, [y])) == ((a, x) == (b, y))
    assert vector_keys(a, [x]) != question_keys(b, [y])


def test_a_passage_that_is_written_like_a_question_has_no_key_of_one() -> None:
    assert vector_keys("m", ["question\0Where?"]) != question_keys("m", ["Where?"])
    assert vector_keys("m\0question", ["Where?"]) != question_keys("m", ["Where?"])
    assert vector_keys("a", ["b\0c"]) != vector_keys("a\0b", ["c"])
    seen = [("x", "y", "z"), ("xy", "", "z"), ("x", "yz", "")]
    assert len({sentence_key("m", title=title, around=around, passage=own) for title, around, own in seen}) == 3


@given(st.lists(st.text(max_size=3), min_size=4, max_size=4), st.lists(st.text(max_size=3), min_size=4, max_size=4))
def test_keys_of_replies_differ_in_all_that_they_are_made_of(one: list[str], two: list[str]) -> None:
    names = ("tenant", "connector", "fingerprint", "path")
    first, second = (reply_key(**dict(zip(names, each, strict=True))) for each in (one, two))
    assert (first == second) == (one == two)


# ── Another process ─────────────────────────────────────────────────────────────────────────────────────────────────


def printed() -> str:
    scope = scope_key({"filters": {"b": 1, "a": [2]}, "k": 8}, history=PROMPT.messages, context=WHO)
    return " ".join(each.hex() for each in (key(), scope, *vector_keys("m", ["x"]), *question_keys("m", ["x"])))


def test_equal_requests_have_equal_keys_in_another_process() -> None:
    for seed in ("0", "1", "4711"):
        found = subprocess.run(
            [sys.executable, "-c", "import test_key; print(test_key.printed())"],
            capture_output=True,
            check=True,
            text=True,
            cwd=os.path.dirname(__file__),  # noqa: PTH120
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        assert found.stdout.strip() == printed()
