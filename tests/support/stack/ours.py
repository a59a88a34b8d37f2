"""The stack with a project folder of this repository's: what `make stack`, the tests and the load benchmark open."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from stack import Stack
from stack.programs import made_model
from stack.projects import add_postgres, add_second, handbook, limit_answers
from stack.projects import project as new_project

__all__ = ["POSTGRES_URL", "opened"]

POSTGRES_URL = "postgresql://ragstone:ragstone@postgres/ragstone"


@contextmanager
def opened(
    *,
    vllm: int = 0,
    project: Path | None = None,
    documents: str = "docs",
    pages: Sequence[Path] = (),
    model_url: str = "",
    limit: int | None = None,
) -> Iterator[Stack]:
    """The stack in a new folder of its own: with its index in Chroma, and none yet in Postgres.

    `vllm` is how many servers of a tiny random model there are: with none, answers are quoted from the documents.
    `model_url` is that of a model's server of the caller's own. Without a `project` it is one that holds `pages`, or
    this handbook; there an answer has at most `limit` tokens.
    """
    # Not below a folder of the caller's, which may be closed to the others that Postgres and nginx run as.
    with tempfile.TemporaryDirectory(prefix="ragstone-stack-") as name, ExitStack() as held:
        folder = Path(name)
        profiles, variables = ["postgres", "scale"], {"RAGSTONE_POSTGRES_URL": POSTGRES_URL}
        model = None
        if vllm:
            model = made_model(folder / "model", handbook())
            profiles.append("gpu")
            model_url = "http://vllm:8000/v1"
        variables["RAGSTONE_LOCAL_URL"] = model_url
        place = project.resolve() if project else new_project(folder / "project", documents=pages or handbook())
        variables["RAGSTONE_DOCUMENTS"] = str(place / documents)
        replicas = {"app": 2, "vllm": vllm}
        stack = Stack(folder, project=place, profiles=profiles, replicas=replicas, model=model, variables=variables)
        if project is None:
            if limit:
                limit_answers(place, limit)
            add_postgres(place)
            if vllm > 1:
                add_second(place, f"{stack.address('vllm-2')}/v1")
        yield held.enter_context(stack)
