"""The data, in one direction.

    Source → Document → Chunk → (Vector, Terms) → Hit → Prompt → Completion → Answer

Every type is frozen and carries what it came from, so that an `Answer` walks back to the character range of the
`Document` that supports each of its citations. Offsets are indices into Python strings; ranges are half open.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ragstone.plan import ANSWER, Call
from ragstone.terms import NO_TERMS, Terms
from ragstone.trace import Trace
from ragstone.usage import UNBOUND, Bounds, Purse, Usage
from ragstone.verdicts import Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragstone.output import Output

    Vector: TypeAlias = "NDArray[np.float32]"  # shape (dimensions,), of length 1
    Matrix: TypeAlias = "NDArray[np.float32]"  # shape (rows, dimensions)

Role: TypeAlias = Literal["system", "user", "assistant"]
Trust: TypeAlias = Literal["author", "user", "retrieved", "tool"]
ShedKind: TypeAlias = Literal["passages", "examples", "history"]
CachePolicy: TypeAlias = Literal["use", "refresh", "only", "off"]
Mark: TypeAlias = Literal["none", "delimit", "datamark", "encode"]
Scalar: TypeAlias = str | int | float | bool
Metadata: TypeAlias = Mapping[str, Scalar | Sequence[Scalar]]

PUBLIC: tuple[str, ...] = ("public",)
"""The acl of what everyone may see. An empty acl is seen by nobody."""


# ── From a source to chunks ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that a source lists, not read yet. `version` is opaque: equal versions mean equal content."""

    uri: str
    version: str
    size: int
    read: Callable[[], bytes]
    acl: tuple[str, ...] = PUBLIC
    metadata: Metadata = field(default_factory=dict[str, Any])
    media_type: str = ""  # where the source knows it; else it is found by content
    title: str = ""  # outweighs the title that the content gives


@dataclass(frozen=True, slots=True)
class Span:
    """A range of a document's text with a meaning: page 3, or the section under a heading (ancestors enclose it).

    A page, slide or row has its number from 1 as label, a sheet its name, a table (one line a row) its caption or none.
    """

    kind: Literal["page", "heading", "table", "slide", "sheet", "row"]
    start: int
    end: int
    label: str
    level: int = 0


@dataclass(frozen=True, slots=True)
class Child:
    """A file inside a file: an attachment, or what an archive holds. `name` is its path in there, with slashes."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a parser makes of one item's bytes. `verbatim`: the text is the decoded file, so its lines are the file's.

    A container has `children`, and may have no text of its own.
    """

    text: str
    media_type: str
    title: str = ""
    spans: tuple[Span, ...] = ()
    metadata: Metadata = field(default_factory=dict[str, Any])
    warnings: tuple[str, ...] = ()
    children: tuple[Child, ...] = ()
    verbatim: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A text with its origin. `id` comes from tenant, source and uri, never from the content, so an edit keeps it."""

    id: str
    source: str
    uri: str
    title: str
    media_type: str
    text: str
    content_hash: str
    spans: tuple[Span, ...] = ()
    metadata: Metadata = field(default_factory=dict[str, Any])
    acl: tuple[str, ...] = PUBLIC
    warnings: tuple[str, ...] = ()
    verbatim: bool = False
    parent: str = ""  # the uri of the file that it lies in: its own is that, `!/`, and its name there


@dataclass(frozen=True, slots=True)
class Piece:
    """Where a splitter cuts: a range of the document's text, and its token ids where the splitter has counted them.

    `context` is what must be said before the text to understand it: the header row of a table that was cut. The ids are
    then those of both (`Chunk.embedded`). `parent` is the larger range that a reader gets in place of this one.
    """

    start: int
    end: int
    ids: tuple[int, ...] | None = None
    context: str = ""
    parent: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A range of a document: `text == document.text[start:end]`. `spans` are those of the document that overlap it.

    `line` is that of its start, from 1; None where the text is not the file's own, as with PDF and HTML. `context` is
    said before the text where it is embedded, indexed and shown to a model, and is no part of it: it cannot be cited.
    """

    id: str
    document_id: str
    uri: str
    title: str
    text: str
    start: int
    end: int
    line: int | None
    spans: tuple[Span, ...] = ()
    metadata: Metadata = field(default_factory=dict[str, Any])
    acl: tuple[str, ...] = PUBLIC
    context: str = ""
    parent: tuple[int, int] | None = None

    @property
    def embedded(self) -> str:
        """What the embedder reads: the context, a line break, and the text."""
        return f"{self.context}\n{self.text}" if self.context else self.text

    @property
    def heading(self) -> tuple[str, ...]:
        """The heading path at the chunk's start, outermost first."""
        return self.heading_at(self.start)

    def heading_at(self, offset: int) -> tuple[str, ...]:
        """The heading path at a character of the document."""
        inside = [span for span in self.spans if span.kind == "heading" and span.start <= offset < span.end]
        return tuple(span.label for span in sorted(inside, key=lambda span: span.level))

    def page_at(self, offset: int) -> int | None:
        """The page, from 1, that holds a character of the document; None where the format has no pages."""
        for span in self.spans:
            if span.kind == "page" and span.start <= offset < span.end:
                return int(span.label)
        return None

    def line_at(self, offset: int) -> int | None:
        """The line, from 1, of a character of the document that lies in this chunk; None where `line` is."""
        return None if self.line is None else self.line + self.text.count("\n", 0, offset - self.start)


# ── From a question to hits ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Record:
    """A chunk with its vector, on its way into a vector store."""

    chunk: Chunk
    vector: Vector


@dataclass(frozen=True, slots=True)
class Entry:
    """A chunk with its analysed terms, on its way into a lexical index."""

    chunk: Chunk
    terms: Sequence[str]


@dataclass(frozen=True, slots=True)
class Scored:
    """A chunk id with one store's own score; higher is better. Scores of two stores are never on one scale."""

    id: str
    score: float


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison: `field` is a metadata key or `acl`, `op` one of eq ne gt gte lt lte in nin contains exists."""

    field: str
    op: str
    value: Any


@dataclass(frozen=True, slots=True)
class Group:
    """Filters joined by `and`, `or`, or `not` (of one part)."""

    op: Literal["and", "or", "not"]
    parts: tuple[Filter, ...]


Filter: TypeAlias = Condition | Group


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk found for a question, with every score by name: dense, lexical, fused."""

    chunk: Chunk
    rank: int
    scores: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """The hit as the command line and the service print it."""
        chunk = self.chunk
        scores = {name: round(score, 6) for name, score in self.scores.items()}
        return {"uri": chunk.uri, "start": chunk.start, "end": chunk.end, "text": chunk.text, "scores": scores}


# ── From hits to an answer ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it goes to a model."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A value as it was put into a prompt. Where it holds passages, `hits` are these in their numbered order.

    `broken` are the special tokens of a model that stood in it and were broken up: `<|im_start|>` is sent with a space.
    `mark` is how it was told apart from the instructions, and `sign` what a datamark puts before each word.
    """

    name: str
    trust: Trust
    text: str
    hits: tuple[Hit, ...] = ()
    broken: tuple[str, ...] = ()
    tokens: int = 0  # as the prompt's counter counts them
    mark: Mark = "none"
    sign: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Generation settings by their standard names; None leaves a setting to the server."""

    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shed:
    """A whole unit that was left out so that a prompt fits its budget: which one, and its tokens."""

    kind: ShedKind
    unit: str  # a passage's origin, an example's id, or the beginning of an earlier turn
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A rendered prompt file. `version` hashes all that shaped it; `abstain` are the words that mean "no answer".

    `tokens` is the length of the whole as `counter` counts it, `stable_prefix_tokens` that of its beginning which is
    the same for every question, so that a server's prefix cache can serve it. `shed` is what was left out, in order.
    `plan` are the calls of a model that its layers make. `reasons` asks for the model's own reasoning, `logprobs` for
    how likely its words were. What is `confidential` goes to models of your own alone. `sample` tells calls apart that
    ask for the same thing on purpose, from 0. One that is `drawn` is answered by lot; one that is `loose` has no file,
    whose words, with those of verified examples, are `authored`.
    """

    name: str
    version: str
    plan: tuple[Call, ...] = (ANSWER,)
    messages: tuple[Message, ...]
    slots: tuple[Slot, ...] = ()
    options: Options = field(default_factory=Options)
    abstain: str | None = None
    tokens: int = 0
    counter: str = ""
    stable_prefix_tokens: int = 0
    stable_messages: int = 0  # so many of the first are wholly in it
    shed: tuple[Shed, ...] = ()
    output: Output | None = None  # None for free text
    reasons: bool = False
    logprobs: bool = False
    confidential: bool = False
    sample: int = 0
    drawn: bool = False
    loose: bool = False
    authored: str = field(default="", repr=False)

    @property
    def calls(self) -> int:
        """Of a model, when all goes well."""
        return sum(call.usual for call in self.plan)

    @property
    def worst_case_calls(self) -> int:
        """Those that are never exceeded."""
        return sum(call.most for call in self.plan)

    def abstains(self, text: str) -> bool:
        """Whether a text says that there is no answer, in the prompt's words for that; a marker behind them is none."""
        beside = " \t\r\n.,;[]0123456789"
        return self.abstain is not None and text.strip(beside).casefold() == self.abstain.strip(beside).casefold()

    def slot(self, trust: Trust) -> Slot | None:
        """The first slot of that trust."""
        return next((slot for slot in self.slots if slot.trust == trust), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at one model: its error, if it failed, its seconds, and those that were waited before it."""

    model: str
    error: str | None
    seconds: float
    waited: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a model said. `notice` is what the reader must know of how it was made; `cost` is in USD.

    `reasoning` is what it wrote on its way to the answer. `confidence` in [0, 1] is the share of samples that agree,
    where a layer let them vote; `logprob` the mean log-probability of a token, in nats, where it was asked for. `calls`
    are those that the answer took, whose usage and cost it carries. One that was `cached` cost nothing.
    """

    text: str
    model: str
    usage: Usage = field(default_factory=Usage)
    finish_reason: str = "stop"
    abstained: bool = False
    notice: str | None = None
    cost: float = 0.0
    seconds: float = 0.0
    attempts: tuple[Attempt, ...] = ()
    structured: Literal["schema", "json", "words"] | None = None  # how the output was asked for: see `Prompt.output`
    reasoning: str = ""
    confidence: float | None = None
    logprob: float | None = None
    calls: int = 1
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a completion as it arrives; the last one carries the whole `completion`.

    With `restart` all words before it are void: the model broke off, and the answer begins anew. The first of an answer
    has its `hits` and no words: what was found and is read, best first.
    """

    text: str
    completion: Completion | None = None
    restart: bool = False
    hits: tuple[Hit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """The words of a document that support a place `[number]` of an answer: `quote == document.text[start:end]`."""

    number: int
    uri: str
    page: int | None
    heading: str | None
    line: int | None
    start: int
    end: int
    quote: str
    chunk_id: str

    def as_dict(self) -> dict[str, Any]:
        """The citation as the command line and the service print it."""
        keys = ("uri", "page", "heading", "start", "end", "quote", "chunk_id")
        return {key: getattr(self, key) for key in keys}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer with its evidence: `text` holds markers `[1]`, each with a citation of that number.

    `parsed` is what `prompt.output` asks for: a dict, or an instance of the caller's class. It is None for free text,
    and where the answer does not fit: see the verdict `output`. `question` is as it passed its checks, if it did.
    """

    text: str
    abstained: bool
    citations: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    prompt: Prompt
    completion: Completion
    trace_id: str
    verdicts: tuple[Verdict, ...] = ()
    notices: tuple[str, ...] = ()
    cached: bool = False
    parsed: Any = None
    question: str = field(default="", repr=False)

    @property
    def confidence(self) -> float | None:
        """The share of samples that agree, or else of sentences that a passage supports; None for neither."""
        shares = [1 - one.score for one in self.verdicts if one.check == "grounding" and one.score is not None]
        return shares[0] if shares and self.completion.confidence is None else self.completion.confidence

    def as_dict(self) -> dict[str, Any]:
        """The answer as `ragstone ask --json` and the service print it."""
        output = self.prompt.output
        return {
            "text": self.text,
            "parsed": self.parsed.model_dump(mode="json") if output and output.model and self.parsed else self.parsed,
            "abstained": self.abstained,
            "citations": [citation.as_dict() for citation in self.citations],
            "hits": [hit.as_dict() for hit in self.hits],
            "prompt": {"name": self.prompt.name, "version": self.prompt.version},
            "model": self.completion.model,
            "usage": self.completion.usage.as_dict(),
            "cost": self.completion.cost,
            "calls": self.completion.calls,
            "confidence": self.confidence,
            "cached": self.cached,
            "verdicts": [verdict.as_dict() for verdict in self.verdicts],
            "notices": list(self.notices),
            "trace_id": self.trace_id,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Who asks, for how long, for how much, and where it is noted. Every protocol method takes it: no stage forgets it.

    `unread`: nobody reads the answer before it is whole. `patient`: nobody waits for it. `confidential`: it is asked of
    models of your own alone. `cache`: what is kept is used, made anew, all there is (else NotCached), or left alone.
    """

    tenant: str = "default"
    key: str = ""  # by which the caller was let in, as the ledger names it; never the key itself
    principals: frozenset[str] = frozenset()
    deadline: float | None = None  # on time.monotonic()'s clock
    budget: float | None = None  # USD for all calls of the request together
    terms: Terms = NO_TERMS  # what the caller may use in a minute, a day or a month
    purse: Purse = field(default_factory=Purse)  # what the request has taken
    bounds: Bounds = UNBOUND  # what else it may take
    depth: int = 0  # so many prompts have asked one another to come here
    unread: bool = False
    patient: bool = False
    confidential: bool = False
    cache: CachePolicy = "use"
    request: str = ""  # the id of one call of a model: it is sent along, for the server's log
    trace: Trace = field(default_factory=lambda: Trace("call"))

    def within(self, seconds: float) -> Context:
        """The same context with a deadline that is no later than that many seconds from now."""
        limit = time.monotonic() + seconds
        return replace(self, deadline=limit if self.deadline is None else min(self.deadline, limit))

    def remaining(self) -> float | None:
        """Seconds left until the deadline, never below 0; None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
