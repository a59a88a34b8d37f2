"""A finished trace as spans of OpenTelemetry: its steps, nested as their names and times say.

Words of a question, a passage or an answer are content. Without it a span has numbers, switches, and those texts that
the project's own files name: models, prompts, checks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ragstone.trace import Step, StoredTrace
from ragstone.tracing import genai

__all__ = ["Span", "spans_of", "trace_id_of"]

Value: TypeAlias = str | bool | int | float

PROVIDER = "ragstone"
PREFIX = "ragstone."
NAMED = {
    "by",
    "cached",
    "check",
    "connector",
    "counter",
    "mode",
    "model",
    "name",
    "note",
    "order",
    "outcome",
    "prompt",
    "version",
}
"""Facts whose texts stand in the project's own files."""

CONTENT = {"answer", "question"}
TOKENS = {
    "input_tokens": genai.INPUT_TOKENS,
    "output_tokens": genai.OUTPUT_TOKENS,
    "cached_tokens": genai.CACHED_TOKENS,
}
INGESTIONS = "ingestions"
"""A fact that names other traces."""

LONGEST = 10_000  # characters of one value


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span. Times are nanoseconds from the epoch, ids 8 bytes; the root has no parent. `error` was raised in it.

    `links` are the spans of other traces that it rests on, each by the ids of its trace and of itself.
    """

    id: bytes
    parent: bytes
    name: str
    begun: int
    ended: int
    attributes: Mapping[str, Value]
    error: str = ""
    links: tuple[tuple[bytes, bytes], ...] = ()


def trace_id_of(trace: StoredTrace) -> bytes:
    """The 16 bytes that OpenTelemetry wants: ours are the last of them, so that one finds the trace by its id.

    >>> trace_id_of(trace).hex()
    '00000000000000003f9a0c1d2e4b5a67'
    """
    return _trace_id(trace.id)


def spans_of(trace: StoredTrace, *, tenant: str, content: bool = False) -> list[Span]:
    """The root first, then its steps in the order in which they began."""
    root = _span_id(trace.id, 0)
    begun = _nano(trace.started)
    last = max((step.start + step.seconds for step in trace.steps), default=trace.seconds)
    attributes = {**_of_root(trace, content=content), f"{PREFIX}tenant": tenant}
    ended = begun + _nano(max(last, trace.seconds))
    failed = trace.facts.get("outcome") == "failed"
    spans = [
        Span(
            id=root,
            parent=b"",
            name=trace.name,
            begun=begun,
            ended=ended,
            attributes=attributes,
            error="failed" if failed else "",
        )
    ]
    order = sorted(range(len(trace.steps)), key=lambda place: trace.steps[place].start)
    ids = {place: _span_id(trace.id, place + 1) for place in order}
    for place in order:
        step = trace.steps[place]
        above = _above(trace.steps, place)
        from_start = begun + _nano(step.start)
        spans.append(
            Span(
                id=ids[place],
                parent=root if above is None else ids[above],
                name=step.name,
                begun=from_start,
                ended=from_start + _nano(step.seconds),
                attributes=_of_step(step, content=content),
                error=_error(step, content=content),
                links=tuple((_trace_id(other), _span_id(other, 0)) for other in step.facts.get(INGESTIONS, ())),
            )
        )
    return spans


def _above(steps: Sequence[Step], place: int) -> int | None:
    """The step that one lies inside: the last to begin of those that its dotted name begins with."""
    step = steps[place]
    name = step.name
    while "." in name:
        name = name.rpartition(".")[0]
        found = [
            other
            for other, one in enumerate(steps)
            if other != place and one.name == name and one.start <= step.start <= one.start + one.seconds
        ]
        if found:
            return max(found, key=lambda other: steps[other].start)
    return None


def _of_root(trace: StoredTrace, *, content: bool) -> dict[str, Value]:
    found: dict[str, Value] = {genai.OPERATION: genai.INVOKE, genai.PROVIDER: PROVIDER, f"{PREFIX}trace_id": trace.id}
    for key, value in trace.facts.items():
        if key == "prompt" and isinstance(value, str):
            found[genai.PROMPT], _, found[genai.PROMPT_VERSION] = value.partition("@")
        elif key == "model" and isinstance(value, str):
            found[genai.RESPONSE_MODEL] = value
        elif key in CONTENT:
            if content and isinstance(value, str):
                name, role = (genai.INPUT, "user") if key == "question" else (genai.OUTPUT, "assistant")
                parts = [{"type": "text", "content": value[:LONGEST]}]
                found[name] = json.dumps([{"role": role, "parts": parts}], ensure_ascii=False)
        else:
            found |= _fact(key, value, content=content)
    return found


def _of_step(step: Step, *, content: bool) -> dict[str, Value]:
    found: dict[str, Value] = {}
    first, _, rest = step.name.partition(".")
    operation = {"generate": genai.CHAT, "retrieve": genai.RETRIEVAL, "tool": genai.EXECUTE_TOOL}.get(first)
    if step.name.endswith(".embed"):
        operation = genai.EMBEDDINGS
    elif rest and first != "tool":
        operation = None
    if operation is not None:
        found = {genai.OPERATION: operation, genai.PROVIDER: PROVIDER}
    if operation == genai.EXECUTE_TOOL:
        found[genai.TOOL] = rest
    for key, value in step.facts.items():
        if key in TOKENS and isinstance(value, int):
            found[TOKENS[key]] = value
        elif key == "model" and operation == genai.CHAT and isinstance(value, str):
            found[genai.REQUEST_MODEL] = value
        else:
            found |= _fact(key, value, content=content)
    return found


def _fact(key: str, value: Any, *, content: bool) -> dict[str, Value]:
    name = f"{PREFIX}{key}"
    if isinstance(value, bool | int | float):
        return {name: value}
    if isinstance(value, str):
        return {name: value[:LONGEST]} if content or key in NAMED else {}
    return {name: json.dumps(value, ensure_ascii=False, default=str)[:LONGEST]} if content and value else {}


def _error(step: Step, *, content: bool) -> str:
    """What was raised; its words only with content, since they may be of a question."""
    if not step.error:
        return ""
    return step.error if content else step.error.partition(":")[0]


def _trace_id(trace_id: str) -> bytes:
    return bytes.fromhex(trace_id.rjust(32, "0"))


def _span_id(trace_id: str, place: int) -> bytes:
    return hashlib.blake2b(f"{trace_id}/{place}".encode(), digest_size=8).digest()


def _nano(seconds: float) -> int:
    return round(seconds * 1e9)
