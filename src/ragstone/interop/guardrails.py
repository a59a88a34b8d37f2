"""Ragstone's checks for programs that are written with Guardrails. It needs the extra `guardrails`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

from ragstone.connectors.guardrails.vendor import imported
from ragstone.errors import UsageError
from ragstone.interop.asking import awaited
from ragstone.protocols import Check
from ragstone.registry import find
from ragstone.sync.loop import running_loop, waited
from ragstone.types import Context
from ragstone.validation.edits import without
from ragstone.validation.engine import asked
from ragstone.validation.policy import Guard, Policy
from ragstone.verdicts import Finding, Stage, Subject

__all__ = ["as_validator"]

T = TypeVar("T")


def as_validator(
    check: Check | str,
    *,
    name: str = "",
    stage: Stage | None = None,
    on_fail: Any = "noop",
    on_error: Literal["open", "closed"] = "closed",
    timeout: float = 10.0,
    **settings: object,
) -> Any:
    """A validator of Guardrails that asks one of our checks, by the name of its type or as it is.

    >>> guard = guardrails.Guard().use(as_validator("length", most=80, on_fail="fix"))
    >>> guard.validate("It is late. " * 20).validated_output
    'It is late. It is late. It is late. It is late. It is late. It is late. It is la'

    What the check finds is a FailResult with its reason, its flaws as `error_spans`, and as `fix_value` the fixed text,
    or the text without its flaws where that passes. A check that fails, or takes more than `timeout` seconds, counts as
    failed where it is `closed`, and as passed where it is `open`. `on_fail` is Guardrails' own. It works with a Guard
    and with an AsyncGuard, inside a running event loop and without one. Raises MissingExtra where Guardrails is not
    installed.
    """
    base = imported("guardrails.validator_base")
    if isinstance(check, str):
        made = find("check", check)(**settings)
        assert isinstance(made, Check), "the registry has checked it"
        name, check = name or check, made
    elif settings:
        raise UsageError("a check that is made already takes no settings", found=", ".join(settings))
    name = name or check.name or type(check).__name__
    stages = (stage,) if stage else check.stages[:1]
    asking = _Asking(Guard(name=name, check=check, policy=Policy(timeout=timeout, on_error=on_error), stages=stages))
    return _class(base, _alias(f"ragstone/{name}", base), asking)(on_fail=on_fail)


class _Asking:
    """What a validator of Guardrails does: it asks a check."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def result(self, value: object) -> Any:
        """What is found, for who does not wait."""
        return _result(*_without_waiting(self._found(value)))

    async def awaited(self, value: object) -> Any:
        """What is found, on whatever loop."""
        return _result(*await awaited(self._found(value)))

    async def _found(self, value: object) -> tuple[Finding, str | None]:
        """What is found, and the text that would pass."""
        if not isinstance(value, str):
            raise UsageError(f"the check {self._guard.name!r} reads texts", found=type(value).__name__)
        subject = Subject(text=value, stage=self._guard.stages[0])
        found = await self._asked(subject)
        if found.fixed is not None or found.passed or not found.flaws:
            return found, found.fixed
        rest = without(value, found.flaws)
        passes = rest != value and (await self._asked(Subject(text=rest, stage=subject.stage))).passed
        return found, rest if passes else None

    async def _asked(self, subject: Subject) -> Finding:
        begun = Guard(
            name=self._guard.name,
            check=self._guard.check.begin(subject),
            policy=self._guard.policy,
            stages=self._guard.stages,
        )
        return await asked(begun, subject, context=Context())


def _class(base: Any, alias: str, asking: _Asking) -> Any:
    @base.register_validator(alias, data_type="string")
    class RagstoneValidator(base.Validator):  # pyright: ignore[reportUntypedBaseClass] - it is imported by its name
        """One of Ragstone's checks."""

        override_value_on_pass = True

        def __init__(self, on_fail: Any = None) -> None:
            super().__init__(on_fail=on_fail)  # pyright: ignore[reportUnknownMemberType]

        def _validate(self, value: Any, metadata: Any) -> Any:
            return asking.result(value)

        async def async_validate(self, value: Any, metadata: Any) -> Any:
            return await asking.awaited(value)

    return RagstoneValidator


def _alias(wanted: str, base: Any) -> str:
    """A name that no validator has: Guardrails takes two of one name for the same."""
    alias, number = wanted, 2
    while alias in base.validators_registry:
        alias, number = f"{wanted}-{number}", number + 1
    return alias


def _result(found: Finding, fixed: str | None) -> Any:
    types = imported("guardrails.validator_base")
    if found.passed:
        return types.PassResult(value_override=fixed) if fixed is not None else types.PassResult()
    spans = [types.ErrorSpan(start=flaw.start, end=flaw.end, reason=flaw.reason) for flaw in found.flaws]
    return types.FailResult(error_message=found.reason, fix_value=fixed, error_spans=spans or None)


def _without_waiting(work: Coroutine[Any, Any, T]) -> T:
    """What comes of it. It runs on our loop's thread; where this is that one, on a new one."""
    if not _on_our_loop():
        return waited(work)
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(asyncio.run, work).result()


def _on_our_loop() -> bool:
    try:
        return asyncio.get_running_loop() is running_loop()
    except RuntimeError:
        return False
