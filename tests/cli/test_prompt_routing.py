"""Which models the commands ask that work on prompts, and within which bounds."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from ragstone.cli.prompts.routing import writing_models
from ragstone.inference.attempt import AttemptedModel
from ragstone.inference.metered import MeteredModel
from ragstone.project import Project
from ragstone.usage import NANO


def test_a_model_that_is_named_keeps_to_what_the_route_says(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAGSTONE_LOCAL_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("RAGSTONE_LOCAL_MODEL", "tiny")
    path = project / "pipelines" / "answer.yaml"
    file: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    file["route"] |= {"strategy": "cheapest", "data": "local_only", "budget": {"day": 2}, "timeout": 33}
    path.write_text(yaml.safe_dump(file), encoding="utf-8")
    with asyncio.Runner() as loop, writing_models(Project(project), "local", wait=loop.run) as (router, timeout):
        assert (router.names, router.route.local_only, timeout) == (("local",), True, 33)
        (attempted,) = router.models.values()
        assert isinstance(attempted, AttemptedModel)
        assert isinstance(attempted.model, MeteredModel)
        assert [budget.nano for budget in attempted.model.budgets] == [2 * NANO]
