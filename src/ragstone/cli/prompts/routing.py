"""The models that can write, for a command that needs one and no index."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, cast

from ragstone.config import Located
from ragstone.errors import ConfigError, NotConfigured, UsageError, nearest
from ragstone.inference.router import Router
from ragstone.pipelines.build import Builder
from ragstone.pipelines.spec import RouteSpec
from ragstone.project import Project
from ragstone.registry import find

__all__ = ["writing_models"]

PIPELINE = "answer"


@contextmanager
def writing_models(
    project: Project, name: str | None, *, wait: Callable[[Coroutine[Any, Any, None]], None]
) -> Generator[tuple[Router, float]]:
    """The model of that name, or those of `pipelines/answer.yaml` that write; and how long they have to answer.

    Budgets, limits, the ledger and what stays at home are those of that file, whichever model is named.

    They are closed at the end with `wait`. Raises NotConfigured, with what to do, where there is none.
    """
    if name is None:
        route, asked_at = project.answer_spec(PIPELINE).route, project.pipeline(PIPELINE)
    else:
        asked_at = _connector(project, name)
        own = project.answer_spec(PIPELINE).route if PIPELINE in project.pipelines else RouteSpec(models=[name])
        route = own.model_copy(update={"models": [name], "strategy": "ordered", "difficulty": None})
    names = route.models
    writing = [one for one in names if _writes(project, one)]
    if not writing:
        raise _missing(project, names, asked_at, None)
    builder = Builder(project.root, project.connectors, plugins=project.plugins, state=project.state_folder)
    try:
        router = builder.router(route.model_copy(update={"models": writing}), asked_at)
        try:
            router.require()
        except NotConfigured as error:
            raise _missing(project, names, asked_at, error) from None
        yield router, route.timeout
    finally:
        wait(builder.close())


def _connector(project: Project, name: str) -> Located:
    if name not in project.connectors:
        models = [other for other, located in project.connectors.items() if _is_model(located)]
        expected, hint = "one of " + ", ".join(models), nearest(name, models)
        raise UsageError(f"there is no model {name!r}", where="--model", expected=expected, hint=hint)
    return project.connectors[name]


def _writes(project: Project, name: str) -> bool:
    """Whether a connector is a model with words of its own, or one whose faults are for its building to say."""
    located = project.connectors.get(name)
    value: object = located.value if located is not None else None
    if not isinstance(value, dict):
        return True
    given = cast("dict[str, Any]", value)
    try:
        return given.get("kind") != "model" or find("model", str(given.get("type"))).capabilities.generative
    except ConfigError:
        return True


def _missing(project: Project, names: list[str], asked_at: Located, first: NotConfigured | None) -> NotConfigured:
    """What a person can do who has no model that writes."""
    others = [
        name
        for name, located in project.connectors.items()
        if name not in names and _is_model(located) and _writes(project, name)
    ]
    ways = [first.hint.removesuffix(".")] if first is not None and first.hint else []
    ways += [f"add --model {' or '.join(others)}"] if others else []
    hint = ", or ".join(ways) or "Write a file in connectors/ for one, and name it with --model"
    why = first.message if first is not None else f"{', '.join(names)} only quotes from documents"
    return NotConfigured(
        f"this needs a model that writes, and none is set: {why}",
        where=first.where if first is not None else asked_at.where(),
        hint=f"{hint[0].upper()}{hint[1:]}.",
    )


def _is_model(located: Located) -> bool:
    value: object = located.value
    return isinstance(value, dict) and cast("dict[str, Any]", value).get("kind") == "model"
