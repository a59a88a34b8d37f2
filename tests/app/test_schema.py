"""The OpenAPI document against the service: schemathesis asks every route what it documents, and what it does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis.config import ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.engine import from_schema
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished
from schemathesis.python.asgi import shutdown_lifespans
from schemathesis.specs.openapi.schemas import OpenApiSchema

import ragstone
from ragstone import Grant
from ragstone.cli.init import Default, write
from ragstone_app import create

pytestmark = [pytest.mark.slow, pytest.mark.long]

EXAMPLES = 25  # of each route and way to make them

LEFT_OUT: dict[str, str] = {}
"""Routes by path that would take too long here, each with its reason."""

ACCEPTED = ["2xx", "400", "401", "403", "404", "409", "415", "429", "5xx"]
"""What well-formed data may lead to. A filter, a day or an input can be of no use in ways that no schema says."""


NAMES = re.compile(r"Invalid component: parameters? `principals` in query")
"""In a query all is text: a number, or a word like false, is a list of one name there, and no violation."""


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


def faults(schema: OpenApiSchema) -> list[str]:
    """What is not as the document says, each with the request that shows it."""
    found: dict[str, str] = {}
    for event in from_schema(schema).execute():
        if isinstance(event, NonFatalError | FatalError):
            found[repr(event)] = str(getattr(event, "value", None) or getattr(event, "exception", None))
        if not isinstance(event, ScenarioFinished):
            continue
        for case, checks in event.recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    failure = check.failure_info.failure
                    if check.name == "negative_data_rejection" and NAMES.search(failure.message):
                        continue
                    answered = event.recorder.interactions[case].response
                    said = f"{failure.title}: {failure.message}\n{check.failure_info.code_sample}\n"
                    found.setdefault(
                        f"{event.recorder.label} {check.name}",
                        said + (f"{answered.status_code} {answered.content[:500]!r}" if answered else ""),
                    )
    return [f"{where}: {what}" for where, what in found.items()]


def test_every_route_does_what_the_document_says(bearer: tuple[Any, dict[str, str]]):
    app, headers = bearer
    project = ProjectConfig.from_dict(
        {
            "auth": {"openapi": {"key": {"bearer": headers["authorization"].removeprefix("Bearer ")}}},
            "seed": 11,
            "generation": {"max-examples": EXAMPLES},
            "checks": {"positive_data_acceptance": {"expected-statuses": ACCEPTED}},
            "phases": {"stateful": {"enabled": False}},
        }
    )
    config = SchemathesisConfig(projects=ProjectsConfig(default=project))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=config, headers=headers)
    assert LEFT_OUT.keys() <= app.openapi()["paths"].keys()
    found = faults(schema.exclude(path=[*LEFT_OUT]) if LEFT_OUT else schema)
    assert not found, "\n\n".join(found)
