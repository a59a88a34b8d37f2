"""What an ingestion would do, does and did, what an index and a cache hold, and which model would be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ragstone.types import Chunk, Hit
from ragstone.usage import NANO
from ragstone.verdicts import Action

__all__ = [
    "CacheReport",
    "CacheStats",
    "Difference",
    "Explained",
    "ExplainedRoute",
    "Flagged",
    "IndexStatus",
    "IngestPlan",
    "IngestReport",
    "KeptCall",
    "Progress",
    "RestsOn",
    "RoutedModel",
    "SemanticFigures",
    "Stage",
]


@dataclass(frozen=True, slots=True)
class Failure:
    """A document that could not be read, and why."""

    uri: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """What a check has found in a document at ingestion: in which range of its text, and what was done about it.

    `page` and `line` are those where it begins, from 1; None where the format has none.
    """

    uri: str
    check: str
    action: Action
    reason: str
    start: int
    end: int
    page: int | None = None
    line: int | None = None

    @property
    def place(self) -> str:
        """Where it begins, as a reader finds it.

        >>> Flagged(uri="a.md", check="length", action="flagged", reason="long", start=9, end=12, line=2).place
        'line 2'
        """
        if self.page is not None:
            return f"page {self.page}"
        return f"line {self.line}" if self.line is not None else f"character {self.start + 1}"

    def __str__(self) -> str:
        done = "kept out of the index" if self.action == "dropped" else "left in"
        return f"{self.uri}, {self.place}: {self.check}: {self.reason} ({done})"


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """Counts of documents, then of chunks. `seconds` run from the first file opened to the last write.

    `flagged` is what checks have found in what was added or changed. An answer's trace names the `trace_id` of each run
    that has written a document behind it.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    chunks: int = 0
    embedded: int = 0
    seconds: float = 0.0
    failed: tuple[Failure, ...] = ()
    warnings: tuple[Failure, ...] = ()
    flagged: tuple[Flagged, ...] = ()
    trace_id: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The report as `ragstone ingest --json` prints it."""
        counts = {
            name: getattr(self, name) for name in ("added", "changed", "unchanged", "removed", "chunks", "embedded")
        }
        said = {
            name: [{"uri": failure.uri, "reason": failure.reason} for failure in getattr(self, name)]
            for name in ("failed", "warnings")
        }
        flagged = [asdict(one) for one in self.flagged]
        return {**counts, "seconds": round(self.seconds, 4), **said, "flagged": flagged, "trace_id": self.trace_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestPlan:
    """What an ingestion would do, by uri; `tokens` in `chunks` chunks would be embedded, for `cost` USD."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    relabelled: tuple[str, ...] = ()
    unchanged: int = 0
    chunks: int = 0
    tokens: int = 0
    cost: float = 0.0
    failed: tuple[Failure, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The plan as `ragstone ingest --plan --json` prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Difference:
    """One chunk that an index holds and should not, or lacks. `uri` is its document's, "" where nobody knows it."""

    index: Literal["store", "lexical"]
    problem: Literal["missing", "surplus"]
    chunk_id: str
    uri: str

    def as_dict(self) -> dict[str, Any]:
        """The difference as `ragstone index verify --json` prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexStatus:
    """What one index holds. `states` counts documents (see state/schema.py), `sizes` are bytes on disk by file."""

    pipeline: str
    tenant: str
    edition: int
    states: Mapping[str, int]
    chunks: int
    failures: tuple[Failure, ...]
    forgotten: tuple[str, ...]
    sizes: Mapping[str, int]
    flagged: tuple[Flagged, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The status as `ragstone index status --json` prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingestion has come, in documents and chunks; `waiting` names who writes the index before it may."""

    done: int
    total: int
    chunks: int
    waiting: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of a search. `facts` are its settings and counts, `best` its first candidates with their scores."""

    name: str
    milliseconds: float
    facts: Mapping[str, Any]
    best: tuple[tuple[Chunk, float], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The stage as `ragstone search --explain --json` prints it."""
        best = [{"uri": c.uri, "start": c.start, "end": c.end, "score": score} for c, score in self.best]
        return {"name": self.name, "milliseconds": round(self.milliseconds, 3), **self.facts, "best": best}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What a search found, and how: its stages in the order in which they began."""

    hits: tuple[Hit, ...]
    stages: tuple[Stage, ...]

    def as_dict(self) -> dict[str, Any]:
        """The search as `ragstone search --explain --json` prints it."""
        return {"hits": [hit.as_dict() for hit in self.hits], "stages": [stage.as_dict() for stage in self.stages]}


@dataclass(frozen=True, slots=True)
class RoutedModel:
    """A model of a route, and why it stands where it does: in words, and as figures by name."""

    name: str
    why: str
    figures: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedRoute:
    """Which models a question would go to, the first that answers, and which are passed over.

    `failure` is what is raised where none is left. `tokens` are those of the prompt; `confidential` ones stay on models
    of your own.
    """

    strategy: str
    asked: tuple[RoutedModel, ...]
    passed: tuple[RoutedModel, ...]
    failure: str | None
    prompt: str
    tokens: int
    confidential: bool

    def as_dict(self) -> dict[str, Any]:
        """The route as `ragstone model explain --json` prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStats:
    """What one cache holds, by room, and what was counted there. `pipelines` are those that keep something in it.

    `error` says why nothing is known of one that cannot be asked.
    """

    place: str
    pipelines: tuple[str, ...]
    entries: Mapping[str, int]
    size: Mapping[str, int]  # bytes
    figures: Mapping[str, int]
    error: str | None = None

    @property
    def hit_rate(self) -> float | None:
        """Of the calls of models that could be kept, the share that was; None before the first."""
        hits, misses = self.figures.get("calls.hit", 0), self.figures.get("calls.miss", 0)
        return hits / (hits + misses) if hits + misses else None

    @property
    def saved_usd(self) -> float:
        """What the calls would have cost that were not made."""
        return self.figures.get("calls.saved.nano", 0) / NANO

    def by_reason(self, of: str) -> dict[str, int]:
        """The figures whose names begin so, by the rest of it: `calls.skipped`, `bypassed`."""
        begins = f"{of}."
        return {name[len(begins) :]: self.figures[name] for name in sorted(self.figures) if name.startswith(begins)}

    def as_dict(self) -> dict[str, Any]:
        """The figures as `ragstone cache stats --json` prints them."""
        rooms = {
            room: {"entries": count, "bytes": self.size.get(room, 0)} for room, count in sorted(self.entries.items())
        }
        return {
            "place": self.place,
            "pipelines": list(self.pipelines),
            "rooms": rooms,
            "hit_rate": self.hit_rate,
            "saved_usd": self.saved_usd,
            "figures": dict(sorted(self.figures.items())),
            "error": self.error,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SemanticFigures:
    """How often a pipeline answered a question by an earlier one, and how often that was wrong, with one calibration.

    Of `hits` so many were `watched`, and `false` of these were told something else; `rate` lies between `low` and
    `high`. Above `bound` it turns itself off.
    """

    pipeline: str
    calibration: str
    hits: int
    watched: int
    false: int
    rate: float | None
    low: float
    high: float
    bound: float
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheReport:
    """The caches of a project."""

    caches: tuple[CacheStats, ...]
    semantic: tuple[SemanticFigures, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The report as `ragstone cache stats --json` prints it."""
        return {"caches": [one.as_dict() for one in self.caches], "semantic": [asdict(one) for one in self.semantic]}


@dataclass(frozen=True, slots=True, kw_only=True)
class RestsOn:
    """A passage that an answer rests on. Its document may be `unchanged` there, `changed`, or `gone`."""

    document: str
    uri: str | None
    start: int
    end: int
    state: Literal["unchanged", "changed", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCall:
    """What is kept under a key, in seconds and bytes. `left` is None where it stays while there is room.

    What an entry does not say of itself is None. `texts` are the model's words.
    """

    key: str
    room: str
    place: str
    age: float
    left: float | None
    size: int
    prompt: str | None = None
    version: str | None = None
    model: str | None = None
    fingerprint: str | None = None
    tenant: str | None = None
    rests: tuple[RestsOn, ...] | None = None
    texts: tuple[str, ...] = ()

    def as_dict(self, *, answer: bool = False) -> dict[str, Any]:
        """The entry as `ragstone cache explain --json` prints it, with the words of the `answer` if wanted."""
        told = asdict(self)
        return told if answer else {name: value for name, value in told.items() if name != "texts"}
