"""The stack with a project folder of this repository's: what `make stack`, the tests and the load benchmark open."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from stack import Stack
from stack.programs import made_model
from stack.projects import add_postgres, add_second, handbook
from stack.projects import project as new_project

__all__ = ["POSTGRES_URL", "opened"]

POSTGRES_URL = "postgresql://ragstone:ragstone@postgres/ragstone"


def opened(
    folder: Path,
    *,
    vllm: int = 0,
    project: Path | None = None,
    documents: str = "docs",
    pages: Sequence[Path] = (),
) -> AbstractContextManager[Stack]:
    """The stack below a new `folder`, to be entered: with its index in Chroma, and none yet in Postgres.

    `vllm` is how many servers of a tiny random model there are: with none, answers are quoted from the documents.
    Without a `project` it is one that holds `pages`, or this handbook.
    """
    own = project is None
    place = _own(folder / "project", pages or handbook()) if project is None else project.resolve()
    variables = {"RAGSTONE_DOCUMENTS": documents, "RAGSTONE_POSTGRES_URL": POSTGRES_URL}
    profiles = ["postgres", "scale"]
    model = None
    if vllm:
        model = made_model(folder / "model", handbook())
        profiles.append("gpu")
        variables["RAGSTONE_LOCAL_URL"] = "http://vllm:8000/v1"
    replicas = {"app": 2, "vllm": vllm}
    made = Stack(folder, project=place, profiles=profiles, replicas=replicas, model=model, variables=variables)
    if own and vllm > 1:
        add_second(place, f"{made.address('vllm-2')}/v1")
    return made


def _own(folder: Path, pages: Sequence[Path]) -> Path:
    made = new_project(folder, documents=pages)
    add_postgres(made)
    return made
