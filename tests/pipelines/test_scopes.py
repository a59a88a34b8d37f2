"""Questions stand for each other only where all that shapes an answer is the same: no new field is left out unseen."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest

from ragstone.pipelines.remembered import CachedAnswers
from ragstone.pipelines.request import Request
from ragstone.terms import Limit, Terms
from ragstone.trace import Trace
from ragstone.types import Context, Message, Verdict
from ragstone.usage import Bounds, Purse
from remembering import SHIPS, TURBOT, RememberingParts

QUESTION, FILE = SHIPS, RememberingParts()._prompts.get("answer")  # pyright: ignore[reportPrivateUsage]

SHAPING: Mapping[type, Mapping[str, Any]] = {
    Request: {
        "file": replace(FILE, version="another"),
        "query": f"fish: {QUESTION}",
        "inputs": {"question": QUESTION, "tone": "dry"},
        "k": 3,
        "filters": {"uri": "a.md"},
        "history": (Message(role="user", content="Hello."),),
    },
    Context: {"tenant": "acme", "principals": frozenset({"ana"}), "confidential": True},
}
"""Fields that shape an answer, with another value."""

SHAPELESS: Mapping[type, Mapping[str, Any]] = {
    Request: {
        "question": TURBOT,  # what is compared
        "notices": ("A turn was left out.",),
        "verdicts": (Verdict(check="words", passed=False),),  # what they have changed is
        "refrains": True,  # then nothing is looked for
    },
    Context: {
        "key": "k2",  # who pays
        "deadline": time.monotonic() + 60,
        "budget": 1.0,
        "terms": Terms(limits=(Limit(number=1, of="requests"),)),
        "purse": Purse(),
        "bounds": Bounds(calls=3),  # what is beyond them is no answer
        "depth": 1,
        "unread": True,
        "patient": True,
        "cache": "refresh",  # whether it is looked for, and not what is found
        "request": "r2",
        "trace": Trace("another"),
    },
}
"""Those that shape none. Whoever adds a field says here or above which it is."""


def scope(request: Request) -> bytes | None:
    parts = RememberingParts()
    pipeline = parts.answer(tenant="default")
    cached = CachedAnswers(parts.semantic, index=pipeline.index, router=pipeline.router, retrieve=parts.retrieve)
    return cached._scope(request)  # pyright: ignore[reportPrivateUsage]


def changed(kind: type, name: str, value: Any) -> Request:
    plain = Request(question=QUESTION, file=FILE, inputs={"question": QUESTION}, context=Context())
    if kind is Request:
        return replace(plain, **{name: value})
    return replace(plain, context=replace(plain.context, **{name: value}))


PLAIN = changed(Request, "question", QUESTION)


@pytest.mark.parametrize("kind", [Request, Context])
def test_of_each_field_it_is_said_whether_it_shapes_an_answer(kind: type) -> None:
    apart = {"context"} if kind is Request else set[str]()  # its fields are looked at one by one
    assert {*SHAPING[kind]} | {*SHAPELESS[kind]} | apart == {field.name for field in fields(kind)}
    assert not {*SHAPING[kind]} & {*SHAPELESS[kind]}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in SHAPING.items() for name in names])
def test_what_shapes_an_answer_parts_questions(kind: type, name: str) -> None:
    found = scope(changed(kind, name, SHAPING[kind][name]))
    assert found is not None
    assert found != scope(PLAIN)


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in SHAPELESS.items() for name in names])
def test_what_shapes_none_parts_none(kind: type, name: str) -> None:
    found = scope(changed(kind, name, SHAPELESS[kind][name]))
    assert found is not None
    assert found == scope(PLAIN)
