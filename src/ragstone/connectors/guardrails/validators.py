"""From names and living objects to validators, and from what one says of a text to findings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from ragstone.connectors.guardrails import vendor
from ragstone.errors import ConfigError, MissingExtra, RagstoneError, nearest
from ragstone.verdicts import Flaw

__all__ = ["Result", "asked", "called", "found_at", "made", "validators_of"]

LONG = 12  # characters from which on a text among the parameters may be a key
REFUSED = ("on_fail", "on")  # parameters of Guardrails whose part a policy of ours plays


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a validator says of a text. `fixed` is the text as it would have it, where it says so."""

    passed: bool
    label: str = ""
    reason: str = ""
    flaws: tuple[Flaw, ...] = ()
    fixed: str | None = None


# ── Which validators ────────────────────────────────────────────────────────────────────────────────────────────────


def validators_of(given: Sequence[Any]) -> list[Any]:
    """Validators: those that live already, and those that a name and parameters make. Raises ConfigError."""
    found = [made(one) for one in given]
    for one in found:
        vendor.silenced()
        if missing := [key for key in getattr(one, "required_metadata_keys", ()) if key not in _kept(one)]:
            raise ConfigError(
                f"the validator {_label(one)!r} needs metadata with each text, and a check has none",
                found=", ".join(missing),
                hint="From Python: hand over validator.with_metadata({…}).",
            )
    return found


def made(given: Any) -> Any:
    """One validator: a living one, or a name, alone or with parameters. Raises ConfigError or MissingExtra."""
    base: Any = vendor.imported("guardrails.validator_base")
    if isinstance(given, base.Validator):
        return given
    entries = {given: None} if isinstance(given, str) else given
    if not isinstance(entries, Mapping) or len(cast("Mapping[Any, Any]", entries)) != 1:
        raise ConfigError("is no validator", expected="NAME, or NAME: {parameters}", found=type(given).__name__)
    ((name, parameters),) = cast("Mapping[Any, Any]", entries).items()
    if not isinstance(parameters, Mapping | None):
        raise ConfigError(f"the parameters of {name!r} are no mapping", found=type(parameters).__name__)
    settings = dict(cast("Mapping[str, Any]", parameters or {}))
    for key in REFUSED:
        if key in settings:
            hint = f"Write `{key}` beside `validators`: it is a matter of the check."
            raise ConfigError(f"{name!r} may not have {key!r}", hint=hint)
    return _made(_class(str(name), base), settings)


def found_at(path: str) -> Any:
    """What stands under a dotted path. Raises ConfigError or MissingExtra."""
    module, dot, name = path.rpartition(".")
    if not dot or not all(part.isidentifier() for part in path.split(".")):
        raise ConfigError("is no dotted path", expected="package.module.Name", found=repr(path))
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        hint = "Install the package that holds it."
        raise MissingExtra(f"{module} cannot be imported: there is no {error.name!r}", hint=hint) from error
    except AttributeError as error:
        raise ConfigError(f"{module} holds no {name}") from error
    except Exception as error:  # it is anyone's code
        raise ConfigError(f"{module} cannot be imported: {type(error).__name__}: {error}") from error


def called(make: Callable[[], Any]) -> Any:
    """What a function of anyone's gives. Raises ConfigError where it fails."""
    try:
        return make()
    except RagstoneError:
        raise
    except Exception as error:
        raise ConfigError(f"{getattr(make, '__qualname__', make)} failed: {type(error).__name__}: {error}") from error


def _class(name: str, base: Any) -> Any:
    """The class of a name: one that is registered, else one at a dotted path.

    Guardrails itself warns of a name that it does not know, and validates nothing.
    """
    registered: dict[str, Any] = base.validators_registry
    if name in registered:
        return registered[name]
    if "." not in name or "/" in name:
        raise ConfigError(
            f"no validator {name!r} is registered",
            expected="a dotted path, or one of " + ", ".join(sorted(registered)) if registered else "a dotted path",
            hint=nearest(name, registered) or "Import the module that registers it, or name its class.",
        )
    found = found_at(name)
    if not isinstance(found, type) or not issubclass(found, base.Validator):
        raise ConfigError(f"{name} is no validator", expected="a class with @register_validator")
    return found


def _made(found: Any, settings: Mapping[str, Any]) -> Any:
    try:
        return found(**settings)
    except RagstoneError:
        raise
    except Exception as error:  # it is anyone's code
        name = getattr(found, "rail_alias", "") or found.__name__
        said = f"{type(error).__name__}: {_clean(str(error), settings)}"
        raise ConfigError(f"the validator {name!r} cannot be made of its parameters: {said}") from None


def _label(validator: Any) -> str:
    return str(getattr(validator, "rail_alias", "") or type(validator).__name__)


def _kept(validator: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", getattr(validator, "_metadata", None) or {})


# ── What it says ────────────────────────────────────────────────────────────────────────────────────────────────────


def asked(validator: Any, value: Any) -> Result:
    """What a validator says of a value, in its own words; `fixed` and `flaws` only of a text.

    It is asked itself, and not by way of a Guard: nobody does what its `on_fail` says, nothing is remembered or
    traced, and no other validator sees the metadata that it changes. Raises RagstoneError where it fails, and TypeError
    where it says nonsense.
    """
    vendor.silenced()
    label, metadata = _label(validator), _copied(_kept(validator))
    try:
        said: Any = _awaited(validator, value, metadata) if _waits(validator) else validator.validate(value, metadata)
    except Exception as error:
        told = _clean(str(error), cast("Mapping[str, Any]", getattr(validator, "_kwargs", None) or {}))
        raise RagstoneError(f"the validator {label!r} failed: {type(error).__name__}: {told}") from None
    types: Any = import_module("guardrails_ai.types")
    if isinstance(said, types.PassResult):
        return Result(passed=True, label=label, fixed=_overridden(validator, said, value))
    if not isinstance(said, types.FailResult):
        raise TypeError(f"the validator {label!r} gave {type(said).__name__}, and no PassResult or FailResult")
    fixed: Any = said.fix_value
    return Result(
        passed=False,
        label=label,
        reason=" ".join(str(said.error_message or "").split()) or f"the validator {label!r} failed it",
        flaws=tuple(_flaws(said, value, label)) if isinstance(value, str) else (),
        fixed=fixed if isinstance(fixed, str) and isinstance(value, str) else None,
    )


def _copied(value: Any) -> Any:
    """A copy of all that is a container: what else metadata may hold, as a model, is not one's own to copy."""
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list):
        return [_copied(one) for one in cast("list[Any]", value)]
    return set(cast("set[Any]", value)) if isinstance(value, set) else value


def _waits(validator: Any) -> bool:
    """Whether it can only be awaited."""
    base: Any = import_module("guardrails.validator_base").Validator
    own = validator.__class__
    blocks = own.validate is not base.validate or own._validate is not base._validate
    return own.async_validate is not base.async_validate and not blocks


def _awaited(validator: Any, value: Any, metadata: dict[str, Any]) -> Any:
    """On a loop of its own: this thread has none."""
    return asyncio.run(validator.async_validate(value, metadata))


def _overridden(validator: Any, said: Any, value: Any) -> str | None:
    """What it makes of a text that passes, where it says that this counts."""
    override: Any = said.value_override
    if not getattr(validator, "override_value_on_pass", False) or not isinstance(override, str):
        return None
    return override if isinstance(value, str) and override != value else None


def _flaws(said: Any, text: str, label: str) -> list[Flaw]:
    """The ranges that it names, as far as they are ranges of this text."""
    flaws: list[Flaw] = []
    for span in said.error_spans or ():
        start, end = getattr(span, "start", None), getattr(span, "end", None)
        if isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text):
            flaws.append(Flaw(start, end, str(getattr(span, "reason", "") or said.error_message), label))
    return flaws


def _clean(said: str, settings: Mapping[str, Any]) -> str:
    """The first line of what is said, without the longer texts among the parameters: any may be a key."""
    line = (said.strip().splitlines() or [""])[0]
    for value in settings.values():
        if isinstance(value, str) and len(value) >= LONG:
            line = line.replace(value, "[hidden]")
    return line[:300]
