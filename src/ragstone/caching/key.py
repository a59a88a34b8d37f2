"""The only place where a key is made: from all that could shape what is kept under it.

A key is the BLAKE2 of canonical JSON. Two requests that differ in anything share none; whoever may not see what an
answer rests on never asks by its key, since the principals, the passages and their versions are in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Literal, TypeAlias, cast

from ragstone.types import PUBLIC, Chunk, Context, Hit, Message, Prompt

__all__ = ["Scope", "call_key", "documents_of", "question_keys", "reply_key", "scope_key", "vector_keys", "version_of"]

FORMAT = 1  # of all keys: raise it where an equal one would stand for something else

Scope: TypeAlias = Literal["caller", "public"]
"""Who shares answers: callers of one tenant with the same principals; or everyone, where all passages are public."""

SHAPELESS = frozenset(
    {"plan", "tokens", "counter", "stable_prefix_tokens", "stable_messages", "shed", "confidential", "slots", "output"}
)
"""Fields of a prompt that are counted and not sent, and those that `call_key` spells out. A new field is in the key."""

_SENT = tuple(field.name for field in fields(Prompt) if field.name not in SHAPELESS)


# ── Calls of models ─────────────────────────────────────────────────────────────────────────────────────────────────


def call_key(prompt: Prompt, *, model: str, n: int = 1, scope: Scope = "caller", context: Context) -> bytes:
    """What the answer of a model to a prepared request is kept under. `model` is its fingerprint; it gives `n` answers.

    With the scope `public` a request whose passages are all public has one key for all tenants.
    """
    hits = [hit for slot in prompt.slots for hit in slot.hits]
    shared = scope == "public" and not prompt.confidential and all(PUBLIC[0] in hit.chunk.acl for hit in hits)
    output = prompt.output
    return _digest(
        "call",
        {
            "model": model,
            "n": n,
            "who": "everyone" if shared else _who(context),
            "prompt": {
                field.name: _plain(getattr(prompt, field.name))
                for field in fields(Prompt)
                if field.name not in SHAPELESS
            },
            "slots": [[slot.name, slot.trust, slot.text, slot.broken, slot.mark, slot.sign] for slot in prompt.slots],
            "output": None if output is None else [output.name, output.schema, output.strict, output.words],
            "rests": [[hit.chunk.uri if shared else hit.chunk.id, version_of(hit.chunk)] for hit in hits],
        },
    )


def version_of(chunk: Chunk) -> str:
    """Changes with whatever of a chunk is sent, cited or checked: words, place, metadata, permissions."""
    spans = [[span.kind, span.start, span.end, span.label, span.level] for span in chunk.spans]
    place = [chunk.uri, chunk.title, chunk.start, chunk.end, chunk.line, chunk.parent, spans]
    said = _canonical([chunk.text, chunk.context, place, chunk.metadata, sorted(chunk.acl)])
    return hashlib.blake2b(said, digest_size=12).hexdigest()


# ── Questions that are alike ────────────────────────────────────────────────────────────────────────────────────────


def scope_key(facts: Mapping[str, Any], *, history: Sequence[Message] = (), context: Context) -> bytes:
    """Within which questions may stand for each other: all that shapes an answer but the question itself.

    `facts` are the prompt file's version, its other inputs, the filters, the models of the route and their settings.
    """
    said = [[message.role, message.content] for message in history]
    return _digest(
        "scope", {"facts": facts, "history": said, "who": _who(context), "confidential": context.confidential}
    )


# ── What is made of texts ───────────────────────────────────────────────────────────────────────────────────────────


def vector_keys(fingerprint: str, texts: Sequence[str]) -> list[bytes]:
    """What vectors of these passages by that embedder are kept under: 16 bytes each, made in one go."""
    begun = hashlib.blake2b(fingerprint.encode() + b"\0", digest_size=16)
    made: list[bytes] = []
    for text in texts:
        key = begun.copy()
        key.update(text.encode("utf-8", "surrogatepass"))
        made.append(key.digest())
    return made


def question_keys(fingerprint: str, texts: Sequence[str]) -> list[bytes]:
    """Those of questions, which an embedder may read in a way of its own."""
    return vector_keys(f"{fingerprint}\0question", texts)


def reply_key(*, tenant: str, connector: str, fingerprint: str, path: str) -> bytes:
    """What a lookup found is kept under."""
    said = json.dumps([tenant, connector, fingerprint, path])
    return hashlib.blake2b(said.encode(), digest_size=16).digest()


# ── Canonical JSON ──────────────────────────────────────────────────────────────────────────────────────────────────


def _who(context: Context) -> list[Any]:
    return [context.tenant, sorted(context.principals)]


def _digest(kind: str, facts: Mapping[str, Any]) -> bytes:
    return hashlib.blake2b(_canonical([FORMAT, kind, facts]), digest_size=24).digest()


def _canonical(value: Any) -> bytes:
    """The one way to write a value. Raises TypeError for what JSON cannot tell apart from something else."""
    _named_by_text(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _named_by_text(value: Any) -> None:
    """JSON makes the text "1" of a key that is the number 1."""
    if isinstance(value, Mapping):
        for key, part in cast("Mapping[Any, Any]", value).items():
            if not isinstance(key, str):
                raise TypeError(f"a key needs names that are texts, not {key!r}")
            _named_by_text(part)
    elif isinstance(value, list | tuple):
        for part in cast("Iterable[Any]", value):
            _named_by_text(part)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in cast("Iterable[Any]", value)]
    if isinstance(value, Message):
        return [value.role, value.content]
    if hasattr(value, "__dataclass_fields__"):
        return asdict(value)
    return value


def documents_of(hits: Iterable[Hit]) -> list[str]:
    """The tags of what an answer rests on."""
    return sorted({f"document:{hit.chunk.document_id}" for hit in hits})
