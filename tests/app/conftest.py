"""A service of one document, asked by somebody on its machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from tests.support.callers import caller

import ragstone
from ragstone.cli.init import Default, write


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("project")
    write(folder, model=Default.extractive)
    (folder / "documents" / "halibut.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.\n")
    with ragstone.open(folder) as rag:
        rag.ingest()
    with caller(folder) as client:
        yield client


@pytest.fixture
def client(shared: TestClient) -> TestClient:
    """A module whose tests change what is served makes one of its own for each of them."""
    return shared
