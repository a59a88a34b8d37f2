"""What an ingestion would do, does and did, what an index holds, and which model would be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ragstone.types import Chunk, Hit

__all__ = [
    "Difference",
    "Explained",
    "ExplainedRoute",
    "IndexStatus",
    "IngestPlan",
    "IngestReport",
    "Progress",
    "RoutedModel",
    "Stage",
]


@dataclass(frozen=True, slots=True)
class Failure:
    """A document that could not be read, and why."""

    uri: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """Counts of documents, then of chunks. `seconds` run from the first file opened to the last write."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    chunks: int = 0
    embedded: int = 0
    seconds: float = 0.0
    failed: tuple[Failure, ...] = ()
    warnings: tuple[Failure, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The report as `ragstone ingest --json` prints it."""
        counts = {
            name: getattr(self, name) for name in ("added", "changed", "unchanged", "removed", "chunks", "embedded")
        }
        said = {
            name: [{"uri": failure.uri, "reason": failure.reason} for failure in getattr(self, name)]
            for name in ("failed", "warnings")
        }
        return {**counts, "seconds": round(self.seconds, 4), **said}


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
