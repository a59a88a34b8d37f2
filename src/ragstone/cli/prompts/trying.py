"""Builds a prompt as a question would, with as much of the project as there is: no model, and no index if need be."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import ragstone
from ragstone.cli import show
from ragstone.errors import EmbedderError, MissingExtra, NotConfigured, StateError
from ragstone.project import Project
from ragstone.prompts.builder import build
from ragstone.types import Prompt

__all__ = ["built_prompt"]

QUESTION = "question"


def built_prompt(
    project: Project,
    name: str,
    inputs: Mapping[str, Any],
    *,
    pipeline: str,
    principals: Sequence[str],
    tenant: str,
) -> Prompt:
    """The prompt with the passages that its question finds; with none, and a remark, where nothing can be searched."""
    file = project.prompt(name)
    if "passages" in file.body.uses:
        missing = _unsearchable(project, inputs)
        if missing is None:
            rest = {key: value for key, value in inputs.items() if key != QUESTION}
            asked: dict[str, Any] = {"principals": principals, "tenant": tenant, "pipeline": pipeline}
            try:
                with ragstone.open(project.root) as rag:
                    return rag.explain(inputs[QUESTION], prompt=name, **asked, **rest)
            except (EmbedderError, MissingExtra, NotConfigured, StateError) as error:
                missing = str(error)
        show.remarks([f"No passages: {missing}"])
    return build(file, inputs, hits=())


def _unsearchable(project: Project, inputs: Mapping[str, Any]) -> str | None:
    """Why nothing can be searched for, or None where something can."""
    if not (project.state_folder / "project.db").is_file():
        return "nothing was ingested yet."
    if not str(inputs.get(QUESTION, "")).strip():
        return f"there is no {QUESTION} to search for."
    # A keyword of the call itself would be taken for the input.
    if taken := set(inspect.signature(ragstone.Rag.explain).parameters) & set(inputs) - {QUESTION}:
        return f"an input named {min(taken)} cannot be searched with."
    return None
