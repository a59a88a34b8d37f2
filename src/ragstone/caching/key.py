"""The only place where a key is made: from all that could shape what is kept under it.

A key is the BLAKE2 of canonical JSON. Two requests that differ in anything share none; whoever may not see what an
answer rests on never asks by its key, since the principals, the passages and their versions are in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Literal, TypeAlias, cast

from ragstone.output import Output
from ragstone.types import PUBLIC, Chunk, Context, Hit, Message, Options, Prompt, Slot, Span

__all__ = [
    "Scope",
    "call_key",
    "compact_keys",
    "current_key",
    "documents_of",
    "pair_key",
    "projection_key",
    "question_keys",
    "remembered_key",
    "reply_key",
    "row_keys",
    "scope_key",
    "sentence_key",
    "vector_keys",
    "version_of",
    "watch_key",
]

FORMAT = 1  # of all keys: raise it where an equal one would stand for something else

Scope: TypeAlias = Literal["caller", "public"]
"""Who shares answers: callers of one tenant with the same principals; or everyone, where all passages are public."""

SHAPELESS: Mapping[type, frozenset[str]] = {
    Prompt: frozenset({"plan", "tokens", "counter", "stable_prefix_tokens", "stable_messages", "shed", "authored"}),
    Slot: frozenset({"tokens"}),
    Output: frozenset({"model"}),  # what an answer becomes is made of it anew
    Hit: frozenset({"rank", "scores"}),  # they move with documents that have nothing to do with it; their order counts
}
"""Fields that are counted and not sent. A field that is new is in the key."""

APART: Mapping[type, frozenset[str]] = {
    Prompt: frozenset({"messages", "slots", "options", "output"}),
    Message: frozenset({"content"}),
    Slot: frozenset({"text", "hits"}),
    Hit: frozenset({"chunk"}),
    Chunk: frozenset({"id", "document_id", "text", "spans", "metadata", "acl"}),
}
"""Fields that are written in a way of their own."""


def _values_of(kind: type) -> Callable[[Any], tuple[Any, ...]]:
    """What of an object of that class is in a key, in the order of its fields."""
    left_out = SHAPELESS.get(kind, frozenset[str]()) | APART.get(kind, frozenset[str]())
    return attrgetter(*(field.name for field in fields(kind) if field.name not in left_out))


_PROMPT, _MESSAGE, _OPTIONS = _values_of(Prompt), _values_of(Message), _values_of(Options)
_SLOT, _OUTPUT, _CHUNK, _SPAN = _values_of(Slot), _values_of(Output), _values_of(Chunk), _values_of(Span)


# ── Calls of models ─────────────────────────────────────────────────────────────────────────────────────────────────


def call_key(prompt: Prompt, *, model: str, n: int = 1, scope: Scope = "caller", context: Context) -> bytes:
    """What the answer of a model to a prepared request is kept under. `model` is its fingerprint; it gives `n` answers.

    With the scope `public` a request that rests on public passages alone has one key for all tenants. Raises TypeError
    or ValueError for a request with metadata or a schema that JSON cannot say.
    """
    shared = scope == "public" and _rests_on_public(prompt)
    output = prompt.output
    if output is not None:
        _named_by_text([output.schema, output.strict])
    said = [
        model,
        n,
        "everyone" if shared else _who(context),
        _PROMPT(prompt),
        [[_MESSAGE(message), len(message.content)] for message in prompt.messages],
        _OPTIONS(prompt.options),
        # In the order of its properties, since a model writes them in it.
        None if output is None else _OUTPUT(output),
        [
            [_SLOT(slot), len(slot.text), [_rests_on(hit.chunk, shared=shared) for hit in slot.hits]]
            for slot in prompt.slots
        ],
    ]
    # Behind their lengths: to escape the characters of long texts would take most of the time.
    texts = [message.content for message in prompt.messages]
    for slot in prompt.slots:
        texts.append(slot.text)
        texts.extend(hit.chunk.text for hit in slot.hits)
    return _digest("call", said, texts)


def version_of(chunk: Chunk) -> str:
    """Changes with whatever of a chunk is sent, cited or checked: words, place, metadata, permissions."""
    return _digest("chunk", _version(chunk), [chunk.text], size=12).hex()


def _rests_on_public(prompt: Prompt) -> bool:
    """Whether a request rests on public passages and on nothing else that somebody may have alone."""
    if prompt.confidential or any(slot.trust == "tool" and slot.text for slot in prompt.slots):
        return False
    acls = [hit.chunk.acl for slot in prompt.slots for hit in slot.hits]
    return bool(acls) and all(PUBLIC[0] in acl for acl in acls)


def _rests_on(chunk: Chunk, *, shared: bool) -> list[Any]:
    """A passage, by its id and its version. Ids come from the tenant, so what is shared goes by its place alone."""
    return [None if shared else (chunk.id, chunk.document_id), _version(chunk)]


def _version(chunk: Chunk) -> list[Any]:
    spans = [_SPAN(span) for span in chunk.spans]
    return [_CHUNK(chunk), len(chunk.text), spans, sorted(chunk.metadata.items()), sorted(chunk.acl)]


def current_key(place: str, name: str) -> bytes:
    """What is kept under it: the version that counts of a prompt or a model (`prompt:answer`) of one project folder."""
    return _digest("current", {"place": place, "name": name})


# ── Questions that are alike ────────────────────────────────────────────────────────────────────────────────────────


def scope_key(facts: Mapping[str, Any], *, history: Sequence[Message] = (), context: Context) -> bytes:
    """Within which questions may stand for each other: all that shapes an answer but the question itself.

    `facts` are the prompt file's version, its other inputs, the filters, the models of the route and their settings.
    """
    said = [[message.role, message.content] for message in history]
    _named_by_text(facts)
    return _digest("scope", [facts, said, _who(context), context.confidential], sort_keys=True)


def remembered_key(scope: bytes, question: str) -> bytes:
    """What a question of a scope is remembered under."""
    return _digest("remembered", {"scope": scope.hex(), "question": question})


def watch_key(*, place: str, pipeline: str, calibration: str) -> bytes:
    """What was observed of a pipeline's hits is kept under, in one project folder and with one calibration."""
    return _digest("watch", {"place": place, "pipeline": pipeline, "calibration": calibration})


# ── What is made of texts ───────────────────────────────────────────────────────────────────────────────────────────


def vector_keys(fingerprint: str, texts: Sequence[str]) -> list[bytes]:
    """What vectors of these passages by that embedder are kept under: 16 bytes each, made in one go."""
    return _text_keys("passage", fingerprint, texts)


def question_keys(fingerprint: str, texts: Sequence[str]) -> list[bytes]:
    """Those of questions, which an embedder may read in a way of its own."""
    return _text_keys("question", fingerprint, texts)


def compact_keys(fingerprint: str, projection: str, texts: Sequence[str]) -> list[bytes]:
    """Those of questions with the compact rows of their tokens, made by the projection of that digest."""
    return _text_keys("compact", [fingerprint, projection], texts)


def row_keys(fingerprint: str, projection: str, texts: Sequence[str]) -> list[bytes]:
    """Those of passages with the compact rows of their tokens."""
    return _text_keys("rows", [fingerprint, projection], texts)


def projection_key(fingerprint: str) -> bytes:
    """What the projection of an embedder is kept under."""
    return _digest("projection", fingerprint, size=16)


def pair_key(prompt: str, model: str) -> bytes:
    """What an answer to a prompt is kept under that is text, by a model that is named by a text with its settings."""
    return _digest("pair", [prompt, model], size=16)


def sentence_key(fingerprint: str, *, title: str, around: str, passage: str) -> bytes:
    """What the sentence is kept under that says where a passage stands: made of all that a model saw of it."""
    texts = (title, around, passage)
    return _digest("sentence", [fingerprint, [len(text) for text in texts]], texts, size=16)


def reply_key(*, tenant: str, connector: str, fingerprint: str, path: str) -> bytes:
    """What a lookup found is kept under."""
    return _digest("reply", [tenant, connector, fingerprint, path], size=16)


def _text_keys(kind: str, facts: object, texts: Sequence[str]) -> list[bytes]:
    begun = hashlib.blake2b(_digest(kind, facts), digest_size=16)  # of one length, whatever the facts are
    made: list[bytes] = []
    for text in texts:
        key = begun.copy()
        key.update(text.encode("utf-8", "surrogatepass"))
        made.append(key.digest())
    return made


# ── Canonical JSON ──────────────────────────────────────────────────────────────────────────────────────────────────


def _who(context: Context) -> list[Any]:
    return [context.tenant, sorted(context.principals)]


def _digest(kind: str, facts: object, texts: Sequence[str] = (), *, size: int = 24, sort_keys: bool = False) -> bytes:
    """Of facts, and of texts whose lengths stand in them."""
    said = hashlib.blake2b(_canonical([FORMAT, kind, facts], sort_keys=sort_keys), digest_size=size)
    if texts:
        said.update("".join(texts).encode("utf-8", "surrogatepass"))
    return said.digest()


def _canonical(value: object, *, sort_keys: bool = False) -> bytes:
    """The one way to write a value. Raises TypeError for what is no JSON.

    Written as characters and not as escapes, since the escapes of one above U+FFFF are also those of its two halves.
    """
    said = json.dumps(value, ensure_ascii=False, sort_keys=sort_keys, separators=(",", ":"))
    return said.encode("utf-8", "surrogatepass")


def _named_by_text(value: object) -> None:
    """Raises TypeError for a name that is no text: JSON makes the text "1" of the number 1."""
    if isinstance(value, Mapping):
        for key, part in cast("Mapping[Any, Any]", value).items():
            if not isinstance(key, str):
                raise TypeError(f"a key needs names that are texts, not {key!r}")
            _named_by_text(part)
    elif isinstance(value, list | tuple):
        for part in cast("Collection[Any]", value):
            _named_by_text(part)


def documents_of(hits: Iterable[Hit]) -> list[str]:
    """The tags of what an answer rests on."""
    return sorted({f"document:{hit.chunk.document_id}" for hit in hits})
