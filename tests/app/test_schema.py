"""The OpenAPI document against the service: schemathesis asks every route what it documents, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.python.asgi import shutdown_lifespans
from schemathesis.specs.openapi.schemas import OpenApiSchema

import ragstone
from ragstone import Grant
from ragstone.cli.init import Default, write
from ragstone_app import create

pytestmark = [pytest.mark.slow, pytest.mark.long]

LEFT_OUT: dict[str, str] = {}
"""Routes by path that would take too long here, each with its reason."""

ACCEPTED = ["2xx", "400", "401", "403", "404", "409", "429", "5xx"]
"""What well-formed data may lead to. A filter, a day or a prompt's inputs can be of no use in ways that no schema says."""


@pytest.fixture(scope="module")
def bearer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("project")
    write(folder, model=Default.extractive)
    (folder / "documents" / "halibut.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.\n")
    with ragstone.open(folder) as rag:
        rag.ingest()
        token = rag.keys().create(Grant(name="schema", admin=True)).token
    yield create(folder), {"authorization": f"Bearer {token}"}
    shutdown_lifespans()


@pytest.fixture(scope="module")
def api(bearer: tuple[Any, dict[str, str]]) -> OpenApiSchema:
    app, headers = bearer
    checks = {"positive_data_acceptance": {"expected-statuses": ACCEPTED}}
    project = ProjectConfig.from_dict({"checks": checks, "headers": headers})
    config = SchemathesisConfig(projects=ProjectsConfig(default=project))
    found = schemathesis.openapi.from_asgi("/openapi.json", app, config=config, headers=headers)
    return found.exclude(path=[*LEFT_OUT]) if LEFT_OUT else found


routes = schemathesis.pytest.from_fixture("api")


@routes.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_route_does_what_the_document_says(case: schemathesis.Case):
    case.call_and_validate()


def test_what_is_left_out_is_there(api: OpenApiSchema, bearer: tuple[Any, dict[str, str]]):
    assert LEFT_OUT.keys() <= bearer[0].openapi()["paths"].keys()
