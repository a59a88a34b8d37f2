"""What the routes send back, for the OpenAPI document. Nothing is checked against it while the service runs."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ragstone_app.wording import CHECK_FAILED

__all__ = [
    "AnswerShape",
    "CacheShape",
    "ConversationShape",
    "ConversationsShape",
    "CostsShape",
    "FailedCheck",
    "FeedbackShape",
    "HealthShape",
    "HitsShape",
    "ModelShape",
    "ModelsShape",
    "Problem",
    "PromptShape",
    "PromptsShape",
    "ReadyShape",
    "RemovedShape",
    "RenderedShape",
    "StatusShape",
    "ToldShape",
    "TraceShape",
    "TracesShape",
    "sends",
]


def sends(shape: type[BaseModel], status: int = 200) -> dict[str, Any]:
    """The arguments of a route that sends this, and says so without checking it."""
    return {"response_model": None, "status_code": status, "responses": {status: {"model": shape}}}


class _Whole(BaseModel):
    """Has no keys but those."""

    model_config = ConfigDict(extra="forbid")


# ── Errors ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class FailedCheck(_Whole):
    """A check that has failed."""

    check: str
    stage: str
    where: str
    reason: str


class Problem(_Whole):
    """What is wrong, and what to do about it. If `retryable`, the same request may succeed later."""

    error: str = Field(description="The kind of the error.", examples=["UsageError"])
    message: str
    hint: str | None
    retryable: bool
    code: Literal["check_failed"] | None = Field(default=None, description=f"`{CHECK_FAILED}` where a check ended it.")
    verdicts: list[FailedCheck] | None = None


# ── Answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Hit(_Whole):
    uri: str
    start: int = Field(description="The place in the document's text, in Unicode code points.")
    end: int
    text: str
    scores: dict[str, float]


class _Citation(_Whole):
    uri: str
    page: int | None
    heading: str | None
    start: int
    end: int
    quote: str
    chunk_id: str


class _Named(_Whole):
    name: str
    version: str


class _Usage(_Whole):
    input_tokens: int
    output_tokens: int
    cached_tokens: int


class _Verdict(BaseModel):
    check: str
    passed: bool
    reason: str


class AnswerShape(BaseModel):
    """An answer with its evidence. Look at `abstained` before you show the text."""

    text: str
    parsed: Any
    abstained: bool
    citations: list[_Citation]
    hits: list[_Hit]
    prompt: _Named
    model: str
    usage: _Usage
    cost: float = Field(description="USD.")
    calls: int
    confidence: float | None
    cached: bool
    verdicts: list[_Verdict]
    notices: list[str]
    trace_id: str


class HitsShape(_Whole):
    """Passages, best first."""

    hits: list[_Hit]


class FeedbackShape(_Whole):
    """Feedback as it is kept by now."""

    trace_id: str
    by: str
    good: bool | None
    correction: str
    comment: str


# ── Prompts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Input(_Whole):
    name: str
    kind: Literal["string", "integer", "float", "boolean", "array"]
    description: str
    required: bool
    default: Any


class _Listed(_Whole):
    name: str
    origin: Literal["own", "shipped", "as shipped", "changed"]
    description: str
    version: str | None = Field(description="Changes with whatever may change what is sent; null for a broken file.")
    inputs: list[_Input]
    fault: str | None = Field(description="Why the file does not load.")


class PromptsShape(_Whole):
    """Every prompt by name."""

    prompts: list[_Listed]


class _Finding(_Whole):
    code: str
    severity: Literal["error", "warning"]
    path: str
    line: int
    column: int
    message: str
    why: str
    fix: str


class PromptShape(_Listed):
    """A prompt with the text of its file and what is wrong in it."""

    text: str
    findings: list[_Finding]


class _Message(_Whole):
    role: str
    content: str


class _Slot(_Whole):
    name: str
    trust: str
    tokens: int


class RenderedShape(_Whole):
    """The messages that would be sent, and their length."""

    name: str
    version: str
    messages: list[_Message]
    slots: list[_Slot]
    tokens: int
    stable_prefix_tokens: int
    calls: int
    worst_case_calls: int


# ── What was done, and what it cost ─────────────────────────────────────────────────────────────────────────────────


class _Brief(_Whole):
    id: str
    name: str
    started: float = Field(description="Seconds from the epoch.")
    seconds: float
    facts: dict[str, Any]
    principals: list[str]


class TracesShape(_Whole):
    """Requests, the newest first."""

    traces: list[_Brief]


class _Step(_Whole):
    name: str
    start: float
    seconds: float
    facts: dict[str, Any]
    error: str | None


class TraceShape(_Brief):
    """One request with its steps."""

    steps: list[_Step]


class _Account(_Whole):
    day: str
    tenant: str
    key: str
    model: str
    input_tokens: int
    cached_tokens: int
    written_tokens: int
    output_tokens: int
    usd: float


class _Spent(_Account):
    reported: bool
    requests: int


class _Claim(_Account):
    id: str
    begun: float


class CostsShape(_Whole):
    """What models have cost, and what is claimed by calls under way. All amounts are USD."""

    usd: float
    estimated: float
    claimed: float
    spent: list[_Spent]
    open: list[_Claim]


class _Room(_Whole):
    entries: int
    bytes: int


class _Cache(_Whole):
    place: str
    pipelines: list[str]
    rooms: dict[str, _Room]
    hit_rate: float | None
    saved_usd: float
    figures: dict[str, int]
    error: str | None


class CacheShape(_Whole):
    """What each cache holds, and what it has saved."""

    caches: list[_Cache]
    semantic: list[dict[str, Any]]


class RemovedShape(_Whole):
    """How many entries were removed."""

    removed: int


# ── How it is ───────────────────────────────────────────────────────────────────────────────────────────────────────


class HealthShape(_Whole):
    """The process answers."""

    status: Literal["ok"]
    version: str


class _Part(_Whole):
    state: Literal["ok", "degraded", "down", "absent"]
    error: str | None


class ReadyShape(_Whole):
    """Whether questions can be answered, and the state of each part."""

    status: Literal["ready", "degraded", "unready"]
    parts: dict[str, _Part]


class _Model(_Whole):
    name: str
    state: Literal["ok", "resting", "not configured"]


class _Index(_Whole):
    pipeline: str
    tenant: str
    edition: int
    states: dict[str, int]
    chunks: int
    failures: list[dict[str, Any]]
    forgotten: list[str]
    sizes: dict[str, int]
    flagged: list[dict[str, Any]]


class StatusShape(ReadyShape):
    """The service, its models and pipelines; `index` and `refused` are for admins."""

    version: str
    models: list[_Model]
    pipelines: list[str]
    refused: str | None = Field(description="Why the files as they were edited last do not count.")
    index: _Index | None


class ModelShape(_Whole):
    """One that may be asked for, in OpenAI's shape."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelsShape(_Whole):
    """What may be asked for, in OpenAI's shape."""

    object: Literal["list"]
    data: list[ModelShape]


# ── Conversations ───────────────────────────────────────────────────────────────────────────────────────────────────


class ConversationShape(BaseModel):
    """A conversation without its turns. Times count seconds from the epoch."""

    id: str
    title: str
    created: float
    changed: float
    turns: int = Field(description="How many there are.")
    confidential: bool
    branch_of: str = Field(description="The conversation that it was taken from, at the turn `branch_at`.")
    branch_at: int
    user: str


class ConversationsShape(_Whole):
    """Some conversations, the last changed first."""

    conversations: list[ConversationShape]


class QuoteShape(_Whole):
    """The words of a document that a turn cites."""

    number: int
    uri: str
    start: int
    end: int
    quote: str


class TurnShape(BaseModel):
    """A question and its answer. One that is `forgotten` has lost what a forgotten document has said."""

    number: int
    parent: int
    question: str
    text: str
    citations: list[QuoteShape]
    abstained: bool
    trace_id: str
    asked: float
    forgotten: bool


class ToldShape(ConversationShape):
    """A conversation with some of its turns, oldest first."""

    said: list[TurnShape]
