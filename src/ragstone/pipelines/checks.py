"""From `checks:` of a pipeline to its guards."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast

from ragstone.config import Located, validate
from ragstone.errors import ConfigError, UsageError
from ragstone.pipelines.guards import Guards
from ragstone.pipelines.spec import CheckSpec, CheckTerms
from ragstone.protocols import Check, Connector
from ragstone.registry import find
from ragstone.validation.policy import Guard, Policy

__all__ = ["ALWAYS", "CITATIONS", "always", "guards_of"]

CITATIONS = "citations"
"""Every answer is cited, and its citations are looked up; named among the checks, the verdict on that is told too."""

ALWAYS: tuple[str, ...] = ("egress",)
"""Checks that are asked also where nobody names them."""


class Parts(Protocol):
    """Builds what a file names."""

    files: Mapping[str, Located]

    def connector(self, kind: str, name: str, *, asked_at: str = "", **given: Any) -> Connector:
        """A connector by its name."""
        ...

    def make(self, kind: str, located: Located, *, name: str, **given: Any) -> Connector:
        """One of a type, from these keys."""
        ...


def always() -> Guards:
    """The guards of a pipeline that no file says anything of."""
    made = {name: cast("Callable[[], Check]", find("check", name))() for name in ALWAYS}
    return Guards(
        all=tuple(Guard(name=name, check=check, policy=Policy(on_fail=check.on_fail)) for name, check in made.items())
    )


def guards_of(checks: Sequence[CheckSpec], spec: Located, parts: Parts, *, given: Mapping[str, Any]) -> Guards:
    """The guards of a pipeline. `given` are the parts of it that a check may take: its embedder, who asks its models.

    Raises ConfigError, with its place, for a check that is not known, a key of it, or a policy that makes no sense.
    """
    named = [check for check in checks if check.name != CITATIONS]
    missing = [CheckSpec(name=name) for name in ALWAYS if all(check.name != name for check in named)]
    found: list[Guard] = []
    for place, check in [*enumerate(checks), *((None, one) for one in missing)]:
        if check.name == CITATIONS:
            continue
        located = _section(check, spec, place)
        try:
            found.append(_guard(check.name, located, parts, given))
        except UsageError as error:
            raise ConfigError(
                error.message,
                where=located.where(("on_fail",)),
                expected=error.expected,
                found=error.found,
                hint=error.hint,
            ) from None
    return Guards(all=tuple(found), citations=len(named) < len(checks))


def _section(check: CheckSpec, spec: Located, place: int | None) -> Located:
    """The keys of one check, as if they stood in a file of their own."""
    at = ("checks", place, check.name)
    places = {keys[3:]: found for keys, found in spec.places.items() if keys[:3] == at}
    if () not in places and ("checks", place) in spec.places:
        places[()] = spec.places["checks", place]  # pyright: ignore[reportArgumentType]
    return Located(dict(check.keys), spec.path, places)


def _guard(name: str, located: Located, parts: Parts, given: Mapping[str, Any]) -> Guard:
    own = CheckTerms.model_fields
    terms = {key: value for key, value in located.value.items() if key in own}
    settings = {key: value for key, value in located.value.items() if key not in own}
    if name in parts.files:
        if settings:
            key = next(iter(settings))
            hint = f"Write it into connectors/{name}.yaml."
            raise ConfigError(f"{key!r} is a key of the check itself", where=located.where((key,)), hint=hint)
        check = parts.connector("check", name, asked_at=located.where())
        beside = {key: value for key, value in parts.files[name].value.items() if key in own}
        terms = {**beside, **terms}
    else:
        try:
            factory = find("check", name)
        except ConfigError as error:
            error.where = located.where()
            raise
        takes = inspect.signature(factory).parameters
        theirs = {key: value for key, value in given.items() if key in takes}
        check = parts.make("check", replace(located, value={"type": name, **settings}), name=name, **theirs)
    chosen = validate(CheckTerms, replace(located, value=terms))
    assert isinstance(check, Check), "the registry has checked it"
    policy = Policy(
        on_fail=chosen.on_fail or check.on_fail,
        on_error=chosen.on_error,
        timeout=chosen.timeout,
        reasks=chosen.reasks,
        otherwise=chosen.otherwise,
    )
    return Guard(name=name, check=check, policy=policy, stages=chosen.on or ())
