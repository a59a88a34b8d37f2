"""What users ask for, and how each response is judged.

A response is `ok` (2xx, with all that its kind promises), `shed` (429 or 503 that says when to come again) or an
`error`: everything else, a stream that breaks off among it.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["KINDS", "Asked", "Judged", "Questions", "judge"]

SHARES = {"ask": 30, "stream": 25, "search": 30, "talk": 10, "chat": 5}
"""Percent of the requests; chat takes a model, and the first talk of a user begins a conversation.

Every fifth answer is followed by feedback, a kind of its own.
"""

KINDS = (*SHARES, "begin", "feedback")
FEEDBACK = 0.2
POPULAR = 20  # questions that come again and again: half of all are of these
CONVERSATIONS = "/api/conversations"
PATHS = {"ask": "/api/ask", "stream": "/api/ask", "search": "/api/search", "chat": "/v1/chat/completions"}
ANSWERED = ("ask", "stream", "talk", "begin")
HEADING = re.compile(r"^## (.{10,80})$", re.MULTILINE)
EXAMPLE = 300  # characters of a wrong response that are kept


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    kind: str
    path: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of it: `after` are the seconds that shedding asks for, `answer` what came of a kind in `ANSWERED`."""

    outcome: str
    note: str = ""
    after: float = 0.0
    answer: Mapping[str, Any] | None = None


class Questions:
    """What one user asks: of headings of the documents; half of the questions are popular ones.

    `model` is that of the chat; without one nobody chats.
    """

    def __init__(self, documents: Sequence[Path], *, seed: int, model: str) -> None:
        self._shares = {kind: share for kind, share in SHARES.items() if model or kind != "chat"}
        found = [line for path in documents for line in HEADING.findall(path.read_text(encoding="utf-8"))]
        self._popular, self._all = found[:: max(len(found) // POPULAR, 1)], found
        self._chance, self._model = random.Random(seed), model
        self._number = 0
        self.conversation: str | None = None

    def next(self) -> Asked:
        """The next request."""
        (kind,) = self._chance.choices([*self._shares], [*self._shares.values()])
        self._number += 1
        popular = self._chance.random() < 0.5
        question = self._chance.choice(self._popular if popular else self._all)
        if not popular:  # nobody has asked this before, and no cache knows it
            question = f"{question}, {self._chance.randrange(10**9)}"
        if kind == "chat":
            said = [{"role": "user", "content": question}]
            return Asked(kind, PATHS[kind], {"model": self._model, "messages": said, "max_tokens": 100})
        if kind == "talk" and self.conversation is None:
            return Asked("begin", CONVERSATIONS, {"title": question})
        if kind == "talk":
            return Asked(kind, f"{CONVERSATIONS}/{self.conversation}/ask", {"question": question})
        stream = {"stream": True} if kind == "stream" else {}
        return Asked(kind, PATHS[kind], {"question": question, **stream})

    def note(self, asked: Asked, judged: Judged) -> None:
        """Has the user go on with the conversation that has begun."""
        if asked.kind == "begin" and judged.answer is not None:
            self.conversation = judged.answer["id"]

    def word(self, judged: Judged) -> Asked | None:
        """What the user says of an answer, now and then."""
        trace = (judged.answer or {}).get("trace_id")
        if trace is None or self._chance.random() >= FEEDBACK:
            return None
        return Asked("feedback", "/api/feedback", {"trace_id": trace, "good": True, "by": f"user {self._number}"})

    def pause(self, mean: float) -> float:
        """Seconds until the next request: at random, with this mean."""
        return self._chance.expovariate(1 / mean) if mean else 0.0


def judge(kind: str, status: int, headers: Mapping[str, str], body: bytes) -> Judged:
    """What a whole response is."""
    if status in (429, 503):
        after = headers.get("retry-after", "")
        if after.isdecimal() and int(after) >= 1:
            return Judged("shed", str(status), float(after))
        return Judged("error", f"{status} without Retry-After: {_part(body)}")
    if not 200 <= status < 300:
        return Judged("error", f"{status}: {_part(body)}")
    try:
        found = _last(body) if kind == "stream" else json.loads(body)
        if fault := _fault(kind, found):
            return Judged("error", f"{status} {fault}: {_part(body[-EXAMPLE:])}")
    except (ValueError, KeyError, IndexError, TypeError) as error:
        return Judged("error", f"{status} of another form ({error!r}): {_part(body[-EXAMPLE:])}")
    return Judged("ok", answer=found if kind in ANSWERED else None)


def _last(body: bytes) -> dict[str, Any]:
    """The data of a stream's last event, which is `done`."""
    name, data = body.decode().rstrip().split("\n\n")[-1].split("\n", 1)
    if name != "event: done":
        raise ValueError(f"the stream ends with {name!r}")
    return json.loads(data.removeprefix("data: "))


def _fault(kind: str, found: Mapping[str, Any]) -> str:
    """What is missing of what its kind promises."""
    if kind == "begin":
        return "" if found["id"] else "no conversation"
    if kind in ANSWERED:
        right = isinstance(found["trace_id"], str) and isinstance(found["hits"], list)
        return "" if right and (found["text"] or found["abstained"]) else "no answer"
    if kind == "search":
        return "" if found["hits"] else "no hits"
    if kind == "chat":
        return "" if found["choices"][0]["message"]["content"] is not None else "no choice"
    return "" if found["good"] is True else "not what was said"


def _part(body: bytes) -> str:
    return body[:EXAMPLE].decode(errors="replace")
