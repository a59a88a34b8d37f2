"""What a Guard asks of a text.

A Guard is taken apart, and its validators are asked one by one. What it would do about their results it does not do:
it fixes nothing, raises nothing, asks no model, keeps no history and traces nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ragstone.connectors.guardrails import vendor
from ragstone.connectors.guardrails.form import ROOT, Form, plain
from ragstone.connectors.guardrails.validators import validators_of
from ragstone.errors import ConfigError

__all__ = ["taken_apart"]

MESSAGES = "messages"


def taken_apart(guard: Any) -> tuple[dict[str, list[Any]], Form | None]:
    """The validators of a Guard for each of our stages, and the form that it wants of an answer.

    Raises ConfigError for a Guard with validators that Guardrails would never ask, without saying so.
    """
    if not isinstance(guard, vendor.imported().Guard):
        raise ConfigError("is no Guard", found=type(guard).__name__)
    vendor.silenced()  # a Guard that is made reads the settings again
    opened: Any = guard
    if opened._use_server:
        raise ConfigError("this Guard sends its texts to a server", expected="one that works here")
    parts: dict[str, list[Any]] = {path: list(found) for path, found in opened._validator_map.items() if found}
    _demand_all(opened, parts)
    stages = {"input": parts.pop(MESSAGES, [])}
    form: Form | None = None
    if opened._output_type != import_module("guardrails.classes.output_type").OutputTypes.STRING:
        form = Form(opened, parts)
    places = form.places if form else {ROOT}
    for path in parts:
        if plain(path) not in places:
            raise ConfigError(
                f"the Guard has validators on {path!r}, which is no part of an answer, so that nobody would ask them",
                expected="on: one of " + ", ".join(["output", MESSAGES, *sorted(places - {ROOT})]),
            )
    if form is None:
        stages["output"] = parts.pop(ROOT, [])
    for found in [*stages.values(), *(form.parts.values() if form else ())]:
        validators_of(found)
    return stages, form


def _demand_all(guard: Any, parts: dict[str, list[Any]]) -> None:
    """Raises ConfigError for a Guard that was read from a file, and lacks a validator that stands there."""
    there = {(path, one.rail_alias) for path, found in parts.items() for one in found}
    for reference in guard.validators:
        if (ROOT if reference.on == "output" else reference.on, reference.id) not in there:
            hint = "Import the module that registers it before the Guard is made."
            raise ConfigError(f"the Guard names a validator {reference.id!r} that it has not", hint=hint)
