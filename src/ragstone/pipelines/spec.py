"""What may stand in `pipelines/*.yaml`. An absent key has the default that stands here; an unknown one is an error."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, Literal, Self, TypeAlias, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from ragstone.inference.attempt import ATTEMPT, RETRIES
from ragstone.inference.gate import CONCURRENCY, QUEUE
from ragstone.pipelines.limits import Limits
from ragstone.terms import Budget, Limit, Period, Share
from ragstone.types import Trust
from ragstone.usage import NANO
from ragstone.verdicts import OnFail, Stage

__all__ = [
    "INTERACTION",
    "AnswerSpec",
    "CacheSpec",
    "CheckSpec",
    "CheckTerms",
    "FieldName",
    "IngestSpec",
    "LocalOnly",
    "ModelTerms",
    "PersonalSpec",
    "RetrieveSpec",
    "RouteSpec",
    "SemanticSpec",
    "Send",
    "SourceTerms",
    "spec_for",
]


INTERACTION = "interaction"
"""The reranker that needs no connector: late interaction on the embedder's own token vectors."""


class Strict(BaseModel):
    """Knows its keys and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitSpec(BaseModel):
    """`by` names the splitter; the other keys are that splitter's own, checked when it is built."""

    model_config = ConfigDict(extra="allow", frozen=True)

    by: str = "tokens"


class ParseSpec(BaseModel):
    """Limits for one file, in seconds and bytes; each other key names a parser, whose own keys stand under it."""

    model_config = ConfigDict(extra="allow", frozen=True)

    timeout: float = Field(default=120.0, gt=0)
    memory: int = Field(default=1_000_000_000, ge=100_000_000)

    @model_validator(mode="after")
    def _of_parsers(self) -> Self:
        for name, keys in (self.model_extra or {}).items():
            if not isinstance(keys, dict):
                raise ValueError(f"{name} must hold that parser's keys")
        return self


class Rates(Strict):
    """So many requests and tokens in a minute."""

    requests: int | None = Field(default=None, ge=1)
    tokens: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if self.requests is None and self.tokens is None:
            raise ValueError("`limits` limits nothing: name `requests` or `tokens`, or leave it out")
        return self


class LimitSpec(Rates):
    """So many requests and tokens in a minute, for all who have them together (`per`)."""

    per: Share = "tenant"

    @property
    def limits(self) -> tuple[Limit, ...]:
        """As the ledger holds them."""
        given: tuple[tuple[int | None, Literal["requests", "tokens"]], ...]
        given = ((self.requests, "requests"), (self.tokens, "tokens"))
        return tuple(Limit(number=number, of=of, per=self.per) for number, of in given if number is not None)


class BudgetSpec(Strict):
    """USD that may be spent in a day and in a month of UTC by all who have the budget together, and for one request."""

    day: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    month: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    request: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    per: Share = "tenant"

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if self.day is None and self.month is None and self.request is None:
            raise ValueError("`budget` holds no amount: name `day`, `month` or `request`, or leave it out")
        return self

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """As the ledger holds them."""
        given: tuple[tuple[float | None, Period], ...] = ((self.day, "day"), (self.month, "month"))
        return tuple(
            Budget(nano=round(usd * NANO), period=period, per=self.per) for usd, period in given if usd is not None
        )


class ModelLimits(Rates):
    """So many requests and tokens in a minute, for all who ask a model."""

    @property
    def limits(self) -> tuple[Limit, ...]:
        """As the ledger holds them."""
        return LimitSpec(requests=self.requests, tokens=self.tokens, per="model").limits


class ModelTerms(Strict):
    """What may stand in the file of any model beside its own keys.

    `retries` are the tries after the first one. `concurrency` requests are at work at once; `queue` more wait, and
    others are shed. A model is left alone for a while when half of its last calls failed, or had their first word after
    more than `slow` seconds, where that is set. `limits` are those of the model's server, for all who ask it.
    """

    retries: int = Field(default=RETRIES, ge=0, le=20)
    concurrency: int = Field(default=CONCURRENCY, ge=1)
    queue: int = Field(default=QUEUE, ge=0)
    slow: float | None = Field(default=None, gt=0)
    limits: ModelLimits | None = None


class SourceTerms(Strict):
    """What may stand in the file of any source beside its own keys: how far its texts are trusted.

    `author`: you have written them, or answer for them. `user`: those who ask have. `retrieved`: anyone may have, as is
    usual. `tool`: a program has.
    """

    trust: Trust | None = None


class LocalOnly(Strict):
    """The passages that may go to models of your own alone: those whose metadata this filter finds."""

    local_only: dict[str, Any] = Field(min_length=1)


Send: TypeAlias = Literal["all", "pseudonyms", "masks", "nothing"]
FieldName: TypeAlias = Literal["question", "passages", "history", "examples", "tools", "inputs"]


class PersonalSpec(Strict):
    """What of personal data models may see that are none of your own, and who finds it.

    `send` says how it is told: by `pseudonyms`, for which the answer has the values again, or by `masks`; or not at all
    (`nothing`: a request that holds any goes to models of your own alone), or as it is (`all`). `fields` say so of one
    field: `inputs` are those that have no name here. `by` is a check: `personal`, `presidio`, or one in `connectors/`,
    and `types` are those that it looks for. `local` is what models of your own may see.
    """

    by: str = "personal"
    send: Send = "pseudonyms"
    fields: dict[FieldName, Send] = {}
    types: list[str] | Literal["identifying", "all"] | None = None
    local: Send = "all"

    @field_validator("types", mode="before")
    @classmethod
    def _some(cls, given: object) -> object:
        """Said here in one sentence; without a type all of it would be sent."""
        some = cast("list[object]", given) if isinstance(given, list) else []
        if not (some and all(isinstance(each, str) for each in some)) and given not in ("identifying", "all"):
            raise ValueError("should be identifying, all, or a list of one type or more")
        return cast("object", given)

    def strictest(self, fields: Collection[FieldName]) -> Send:
        """How personal data is told that stands in these fields; where the field is not known, as if in all of them."""
        policies: list[Send] = [self.fields.get(field, self.send) for field in fields]
        policies = policies or [self.send, *self.fields.values()]
        return max(policies, key=STRICT.index)

    @property
    def everything(self) -> bool:
        """Whether all of it is told as it is."""
        return {self.send, *self.fields.values()} == {"all"}


STRICT: tuple[Send, ...] = ("all", "pseudonyms", "masks", "nothing")


class RouteSpec(Strict):
    """Which models may answer, and who is asked first.

    `timeout` are the seconds for all tries together, `attempt` those of one try until its first word: half of them, and
    at most 60, where it is not given, so that another model has time left. `broken` says what becomes of an answer that
    breaks off after its first words: an `error`, or a `restart` by another model. `data` keeps what is confidential on
    models of your own: all (`local_only`), what is not public (`public`: only that may go elsewhere), or what a filter
    finds. `ledger` names a connector; without one it is SQLite in `.ragstone/`. `personal` says what of personal data
    models of others may see.
    `difficulty` is the file that `by_difficulty` goes by, if it does not lie beside the pipeline.
    """

    strategy: Literal["ordered", "cheapest", "fastest", "least_busy", "by_difficulty"] = "ordered"
    models: list[str] = Field(min_length=1)
    difficulty: str | None = None
    timeout: float = Field(default=120.0, gt=0)
    attempt: float | None = Field(default=None, gt=0)
    broken: Literal["error", "restart"] = "error"
    data: Literal["any", "public", "local_only"] | LocalOnly = "any"
    budget: BudgetSpec | None = None
    limits: LimitSpec | None = None
    ledger: str | None = None
    personal: PersonalSpec | None = None

    @field_validator("personal", mode="before")
    @classmethod
    def _said(cls, given: object) -> object:
        """Nothing is no answer here: it might mean that nothing is kept back, or the opposite."""
        if given is None:
            raise ValueError("should be true, false, or keys and values")
        return _switched(given)

    @field_validator("data", mode="before")
    @classmethod
    def _one_of_its_forms(cls, given: object) -> object:
        """Said here in one sentence; pydantic says what is wrong with each form in turn."""
        filtered = isinstance(given, LocalOnly) or (isinstance(given, dict) and [*given] == ["local_only"])
        if not filtered and given not in ("any", "public", "local_only"):
            raise ValueError("should be any, public, local_only or {local_only: FILTER}")
        return cast("object", given)

    @property
    def per_attempt(self) -> float:
        """The seconds of one try."""
        return min(ATTEMPT, self.timeout / 2) if self.attempt is None else self.attempt

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        twice = next((name for name in self.models if self.models.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"the model {twice!r} stands here twice")
        if self.per_attempt > self.timeout:
            raise ValueError("one attempt has more time than all of them: lower `attempt`, or raise `timeout`")
        if self.strategy == "by_difficulty" and len(self.models) < 2:
            raise ValueError("by_difficulty chooses between a small model and a larger one: name both under `models`")
        if self.strategy != "by_difficulty" and self.difficulty is not None:
            raise ValueError("`difficulty` is for `strategy: by_difficulty` alone")
        return self


def _switched(given: object) -> object:
    """`true` is short for the defaults of what may be switched on, `false` for none of it."""
    if isinstance(given, bool):
        return cast("object", {}) if given else None
    return given


class SemanticSpec(Strict):
    """When a question may be answered with what an earlier one like it was told.

    `bound` is the share of questions that mean something else and are taken for the same all the same. Of the hits the
    share `watch` is answered afresh and compared; above the bound the cache turns itself off. `limit` are the questions
    that one scope remembers; the oldest make room. `judge` names a prompt file that has the last word on a pair,
    `rerank` a reranker that does.
    """

    bound: float = Field(default=0.05, gt=0, lt=0.5)
    watch: float = Field(default=0.02, ge=0, le=1)
    limit: int = Field(default=20_000, ge=1, le=200_000)
    judge: str | None = None
    rerank: str | None = None


class CacheSpec(Strict):
    """Which answers of models are kept, and who shares them.

    `exact`: the same request is never sent twice. `sampled` keeps those too that are drawn by lot (a temperature above
    0). `scope: public` lets tenants share what rests on public passages alone. `days` is how long an answer counts.
    `personal` keeps those too that hold personal data. `semantic` answers questions that mean the same. `store` names a
    connector; without one, or where that one is not configured, it is SQLite in `.ragstone/`.
    """

    exact: bool = True
    sampled: bool = False
    scope: Literal["caller", "public"] = "caller"
    days: float = Field(default=30.0, gt=0, le=3650)
    personal: bool = False
    semantic: SemanticSpec | None = None
    store: str | None = None

    @field_validator("semantic", mode="before")
    @classmethod
    def _on_or_off(cls, given: object) -> object:
        return _switched(given)

    @model_validator(mode="after")
    def _on_what_is_kept(self) -> Self:
        if self.semantic is not None and not self.exact:
            raise ValueError("`semantic` finds what `exact` has kept: switch `exact` on, or `semantic` off")
        return self


def _one_or_several(given: object) -> object:
    return (given,) if isinstance(given, str) else given


class CheckTerms(Strict):
    """What may stand beside a check's own keys: where it is asked, and what is done; see `validation/policy.py`."""

    on: Annotated[tuple[Stage, ...] | None, BeforeValidator(_one_or_several), Field(min_length=1)] = None
    on_fail: OnFail | None = None
    on_error: Literal["open", "closed"] = "closed"
    timeout: float = Field(default=10.0, gt=0, allow_inf_nan=False)
    reasks: int = Field(default=1, ge=1, le=5)
    otherwise: Literal["raise", "refrain", "flag"] = "refrain"


class CheckSpec(Strict):
    """One entry of `checks:`: a name, or a name with keys, which the check itself knows."""

    name: str
    keys: dict[str, Any] = {}


def _check(given: object) -> object:
    """An entry of `checks:` as its name and its keys."""
    if isinstance(given, str):
        return {"name": given}
    if isinstance(given, dict) and len(cast("dict[str, Any]", given)) == 1:
        ((name, keys),) = cast("dict[str, Any]", given).items()
        if keys is None or isinstance(keys, dict):
            return {"name": name, "keys": cast("object", keys or {})}
    if isinstance(given, CheckSpec):
        return given
    raise ValueError("each check is a name, or one name with its keys, as in `- length: {most: 500}`")


Named: TypeAlias = Annotated[CheckSpec, BeforeValidator(_check)]


class IngestSpec(Strict):
    """From sources to an index. Sources, embedder, store and lexical index are names of files in `connectors/`.

    `context`: a model of the `route` writes a sentence before each chunk that says where it stands.

    `cache`: vectors are kept in `.ragstone/cache.db`, so that no text is ever embedded twice, or in the cache that it
    names; those of questions for 30 days. `tokens`: token vectors are kept in `.ragstone/tokens.db`, 64 bytes each, for
    late interaction and trimming.

    `checks` are asked of each passage before it is indexed: it is flagged, kept out, or the whole document refused.
    """

    sources: list[str] = Field(min_length=1)
    parse: ParseSpec = ParseSpec()
    split: SplitSpec = SplitSpec()
    embed: str
    store: str
    lexical: str = "tantivy"
    cache: bool | str = True
    tokens: bool = True
    context: bool = False
    checks: list[Named] = []
    route: RouteSpec | None = None

    @model_validator(mode="after")
    def _with_a_model(self) -> Self:
        if self.context and self.route is None:
            raise ValueError("`context: true` asks a model: name it, as in `route: {models: [local]}`")
        if self.route is not None and self.route.data not in ("any", "local_only"):
            raise ValueError(
                "`data` of an ingestion is `any` or `local_only`: a model reads whole documents here, before anyone "
                "has asked for a passage of them"
            )
        if self.route is not None and self.route.strategy == "by_difficulty":
            raise ValueError("by_difficulty is for questions; an ingestion has none: choose another strategy")
        return self


class RerankSpec(Strict):
    """How the first `top` candidates are put in a better order.

    `by` is `interaction` (the embedder's own token vectors) or the name of a reranker in `connectors/`. `weight` is the
    new score's beside the old one's: 1 leaves the old one to decide between equals alone. A model of its own weighs 1
    where the file does not say otherwise. In an index of more than `limit` chunks there is no interaction.
    `optional`: whether questions are answered without the reranker while it cannot be reached.
    """

    by: str = INTERACTION
    weight: float = Field(default=0.4, ge=0, le=1)
    top: int = Field(default=50, ge=1, le=1000)
    limit: int = Field(default=50_000, ge=0)
    optional: bool = False

    @model_validator(mode="before")
    @classmethod
    def _of_a_model(cls, given: Any) -> Any:
        """What a cross-encoder says of a passage is better than what found it, and dearer than late interaction."""
        if not isinstance(given, dict):
            return given
        keys = cast("dict[str, Any]", given)
        return keys if keys.get("by", INTERACTION) == INTERACTION else {"weight": 1.0, **keys}


class DiversifySpec(Strict):
    """How the same thing is kept from being said twice.

    Of texts that share `duplicates` of their shingles one is kept; `mmr` is how much a hit loses for its likeness to a
    better one; there are at most `per_document` hits of one document.
    """

    duplicates: float | None = Field(default=0.9, gt=0, le=1)
    mmr: float = Field(default=0.0, ge=0, le=1)
    per_document: int | None = Field(default=None, ge=1)


class ExpandSpec(Strict):
    """`neighbours`: so many chunks on each side of a hit are read with it; `merge`: hits that touch become one."""

    neighbours: int = Field(default=0, ge=0, le=20)
    merge: bool = False


class PackSpec(Strict):
    """`tokens` are the room for all hits together; `order` is that in which a model reads them."""

    tokens: int | None = Field(default=None, ge=1)
    order: Literal["rank", "edges", "source"] = "rank"


class RetrieveSpec(Strict):
    """How passages are found: `candidates` from each list, fused, put in order, of which the best `k` go on.

    `smooth` is the weight of a candidate's neighbours in its score. `trim` cuts each hit down to the sentences that the
    question is about: the higher, the shorter; 0 leaves hits whole. `lexical_only`: what may be done while the vector
    store is down.
    """

    mode: Literal["hybrid", "dense", "lexical"] = "hybrid"
    fusion: Literal["convex", "rrf"] = "convex"
    dense_weight: float = Field(default=0.5, ge=0, le=1)
    candidates: int = Field(default=100, ge=1, le=1000)
    rerank: RerankSpec | None = RerankSpec()
    smooth: float = Field(default=0.35, ge=0, le=1)
    diversify: DiversifySpec = DiversifySpec()
    expand: ExpandSpec = ExpandSpec()
    trim: float = Field(default=0.655, ge=0, lt=1)
    pack: PackSpec = PackSpec()
    k: int = Field(default=8, ge=1, le=1000)
    lexical_only: bool = False


class AnswerSpec(Strict):
    """From a question to an answer. `index` names the ingest pipeline that is asked, `prompt` the prompt file.

    `chat` names the prompt file for questions of a conversation.

    `checks` are asked in their order; `egress` is one of them, also where it is not named. `limits` are those of each
    request.
    """

    index: str = "ingest"
    retrieve: RetrieveSpec = RetrieveSpec()
    prompt: str = "answer"
    chat: str = "chat"
    route: RouteSpec
    cache: CacheSpec | None = None
    limits: Limits = Limits()
    checks: list[Named] = [CheckSpec(name="citations")]

    @field_validator("cache", mode="before")
    @classmethod
    def _on_or_off(cls, given: object) -> object:
        return _switched(given)


def spec_for(value: Any) -> type[IngestSpec] | type[AnswerSpec]:
    """Which of the two a file is: one with `sources` ingests."""
    return IngestSpec if isinstance(value, dict) and "sources" in value else AnswerSpec
