"""What a route and the file of a model make of attempts."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ragstone.inference.attempt import AttemptedModel
from ragstone.pipelines.routes import Healths, guarded
from ragstone.pipelines.spec import ModelTerms, RouteSpec
from ragstone.testing import MemoryLedger, ScriptedModel


@pytest.mark.parametrize(
    ("given", "seconds"),
    [({}, 60.0), ({"timeout": 30}, 15.0), ({"timeout": 600}, 60.0), ({"timeout": 30, "attempt": 30}, 30.0)],
)
def test_a_try_leaves_time_for_another_model(given: dict[str, float], seconds: float) -> None:
    assert RouteSpec.model_validate({"models": ["a"], **given}).per_attempt == seconds


def test_a_try_has_no_more_time_than_all_together() -> None:
    with pytest.raises(ValidationError, match="one attempt has more time than all of them"):
        RouteSpec(models=["a"], timeout=30, attempt=31)


def test_all_routes_share_the_health_of_a_model() -> None:
    healths, terms = Healths(), ModelTerms(concurrency=3, queue=5, slow=9, retries=4)
    health = healths.of("local", terms)
    assert healths.of("local", terms) is health
    assert healths.of("other", terms) is not health
    assert (health.gate.concurrency, health.gate.queue) == (3, 5)
    assert (health.breaker.name, health.breaker.slow) == ("local", 9)
    made = guarded(
        ScriptedModel(["a"]), RouteSpec(models=["local"], timeout=10), terms, health=health, ledger=MemoryLedger()
    )
    assert isinstance(made, AttemptedModel)
    assert (made.health, made.retries, made.attempt) == (health, 4, 5.0)
