"""From `route:` of a pipeline to the models behind one face, each with what guards it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ragstone.config import Located
from ragstone.errors import ConfigError
from ragstone.inference.attempt import AttemptedModel
from ragstone.inference.breaker import Breaker
from ragstone.inference.by_difficulty import ByDifficulty
from ragstone.inference.capped import LONGEST, CappedModel
from ragstone.inference.choosing import Route
from ragstone.inference.difficulty import Difficulty, read_difficulty
from ragstone.inference.health import Health
from ragstone.inference.metered import MeteredModel
from ragstone.inference.router import Router
from ragstone.inference.strategies import Cheapest, Fastest, LeastBusy, Ordered, Strategy
from ragstone.pipelines.limits import LIMITS, Limits
from ragstone.pipelines.spec import LocalOnly, ModelTerms, RouteSpec
from ragstone.protocols import Ledger, Model
from ragstone.retrieval import where
from ragstone.retrieval.matching import matches
from ragstone.types import PUBLIC, Hit

__all__ = ["Healths", "Routed", "confidential", "difficulty", "difficulty_path", "guarded", "route"]


@dataclass(frozen=True, slots=True, weakref_slot=True, kw_only=True, eq=False)
class Routed:
    """The models of a route that write, and the seconds that they have. `prompts` is the folder of prompts."""

    router: Router
    timeout: float
    prompts: Path
    limits: Limits = LIMITS


class Healths:
    """The health of each model by name: one for all pipelines and tenants of a process.

    It outlives the files that were read: a server that was busy or down is so after an edit too.
    """

    def __init__(self) -> None:
        self._known: dict[str, Health] = {}

    def of(self, name: str, terms: ModelTerms) -> Health:
        """That of a model, made when it is first asked for; its terms are those that were given last."""
        health = self._known.setdefault(name, Health(breaker=Breaker(name)))
        health.gate.concurrency, health.gate.queue = terms.concurrency, terms.queue
        health.breaker.slow = terms.slow
        return health

    @property
    def known(self) -> Mapping[str, Health]:
        """All that were asked for."""
        return self._known


def guarded(
    model: Model, spec: RouteSpec, terms: ModelTerms, *, health: Health, ledger: Ledger, longest: int = LONGEST
) -> Model:
    """A model with what its route and its own file say of attempts, budgets and limits.

    `longest` are the characters after which an answer of it is cut off.
    Raises NotConfigured for a budget where its price is not known.
    """
    metered = MeteredModel(
        CappedModel(model, most=longest),
        ledger,
        budgets=spec.budget.budgets if spec.budget else (),
        limits=[*(terms.limits.limits if terms.limits else ()), *(spec.limits.limits if spec.limits else ())],
        request=spec.budget.request if spec.budget else None,
    )
    return AttemptedModel(metered, health=health, retries=terms.retries, attempt=spec.per_attempt)


def route(spec: RouteSpec, healths: Healths, *, located: Located, folder: Path) -> Route:
    """How the models are chosen. `located` is the pipeline's file; raises ConfigError where one beside it is amiss."""
    return Route(
        strategy=_strategy(spec, healths, located, folder),
        healths=healths.known,
        local_only=spec.data == "local_only",
        restart=spec.broken == "restart",
    )


def _strategy(spec: RouteSpec, healths: Healths, located: Located, folder: Path) -> Strategy:
    match spec.strategy:
        case "ordered":
            return Ordered()
        case "cheapest":
            return Cheapest()
        case "fastest":
            return Fastest(healths.known)
        case "least_busy":
            return LeastBusy(healths.known)
        case "by_difficulty":
            return ByDifficulty(difficulty(spec, located, folder))


def difficulty(spec: RouteSpec, located: Located, folder: Path) -> Difficulty:
    """What `by_difficulty` goes by. Raises ConfigError, at the place of the strategy, where it cannot be used."""
    try:
        return read_difficulty(difficulty_path(spec, located, folder), models=spec.models)
    except ConfigError as error:
        message = f"{error.where}: {error.message}"
        where = located.where(("route", "difficulty" if spec.difficulty else "strategy"))
        raise ConfigError(message, where=where, expected=error.expected, found=error.found, hint=error.hint) from None


def difficulty_path(spec: RouteSpec, located: Located, folder: Path) -> Path:
    """Where a route's calibration lies: at `difficulty`, or beside the pipeline, as `answer.difficulty.json`."""
    if spec.difficulty is not None:
        return folder / spec.difficulty
    return located.path.with_suffix(".difficulty.json")


def confidential(spec: RouteSpec) -> Callable[[Iterable[Hit]], bool]:
    """Says of passages whether they may go to models of your own alone. Raises UsageError for a filter that is none."""
    if isinstance(spec.data, LocalOnly):
        wanted = where.parse(spec.data.local_only)
        return lambda hits: any(matches(wanted, hit.chunk) for hit in hits)
    if spec.data == "public":
        return lambda hits: any(PUBLIC[0] not in hit.chunk.acl for hit in hits)
    return lambda hits: spec.data == "local_only"
