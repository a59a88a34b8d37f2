"""The check that the rest of Ragstone sees."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar, Literal

from ragstone.connectors.guardrails import vendor
from ragstone.connectors.guardrails.aside import Aside
from ragstone.connectors.guardrails.form import Form
from ragstone.connectors.guardrails.guard import taken_apart
from ragstone.connectors.guardrails.validators import Result, asked, called, found_at, validators_of
from ragstone.errors import ConfigError
from ragstone.protocols import Check
from ragstone.types import Context
from ragstone.verdicts import Finding, Flaw, Stage, Subject

__all__ = ["GuardrailsCheck"]


class GuardrailsCheck(Check):
    """Validators of Guardrails, or a Guard of it, on this machine and with its telemetry off.

        kind: check
        type: guardrails
        validators:
          - my_package.NoPhoneNumbers                 # a class, by its dotted path
          - guardrails/valid_length: {min: 1, max: 80}  # a name that is registered, with parameters
        whole: false                                  # sentence by sentence: streams go on
        on: output
        on_fail: fix

    `guard` is the dotted path of a Guard, or of a function that gives one. From Python both are living objects:
    `GuardrailsCheck(guard=guard)`, `GuardrailsCheck(validators=[NoPhoneNumbers()])`. The file names code to run, so the
    project must allow it: `plugins = true` under `[tool.ragstone]`.

    A result that fails gives the reason, its `fix_value` the fixed text, its `error_spans` the flaws, as far as they
    are ranges of the text. All validators are asked, in their order, also two of one name. Their own `on_fail` does
    nothing. Raises ConfigError for what is no validator, and MissingExtra where Guardrails is not installed.

    What Guardrails 0.11 does otherwise, as `tests/servers/guardrails_limits.py` shows:

    - A stream loses the spaces between its sentences, and after one fix every later chunk counts as failed. Here the
      engine cuts the sentences, and each is a text of its own.
    - `use(…, on=…)` forgets what an earlier `use` of the same `on` has said. Here all stand in one list.
    - A validator that is not registered, or stands on a part that no answer has, is ignored: here it is an error. Those
      of a model that is a mapping's value, or stands in a tuple or a `Room | None`, are ignored, too, and so is what
      pydantic itself checks: here they are asked.
    - What a validator would make of a text that it passes is lost where no event loop runs. With `fix` it counts here.
    - Metadata that one validator changes is seen by the next, and by the next call. Here each call has a copy.
    - Telemetry is on, and again after each new Guard. Its first import downloads a tokenizer where NLTK is installed;
      LiteLLM fetches prices. Here its tracer is taken away, and nothing is looked up.
    - A trace of OpenTelemetry holds the parameters of a validator, keys too. Here nothing is traced.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("output", "input", "passage")
    fixes = True
    runs_code: ClassVar[bool] = True

    def __init__(
        self,
        *,
        validators: Sequence[Any] = (),
        guard: Any = None,
        whole: bool = True,
        cost: Literal["rules", "vectors", "model"] = "model",
    ) -> None:
        if (guard is None) == (not validators):
            found = "neither" if guard is None else "both"
            raise ConfigError("what is asked is not clear", expected="either `validators` or `guard`", found=found)
        vendor.needed()
        self.whole, self.cost = whole, cost
        self._form: Form | None = None
        self._asked: dict[str, list[Any]] = {}
        with _key("validators" if guard is None else "guard"):
            if guard is None:
                self._asked = dict.fromkeys(self.stages, validators_of(validators))
            else:
                self._takes(guard)
        self._aside = Aside("guardrails")

    def _takes(self, given: Any) -> None:
        if isinstance(given, str):
            vendor.imported()
            given = found_at(given)
        if callable(given) and not hasattr(given, "get_validators"):
            given = called(given)
        self._asked, self._form = taken_apart(given)
        there = ["output"] if self._form or self._asked.get("output") else []
        there += ["input"] if self._asked["input"] else []
        if not there:
            raise ConfigError("the Guard asks nothing", expected="validators, or a form")
        if self._form is not None and not self.whole:
            raise ConfigError("a form is that of a whole answer", expected="whole: true")
        asked_at = tuple(stage for stage in self.stages if stage in there)
        self.stages = asked_at  # pyright: ignore[reportAttributeAccessIssue] - they are this Guard's

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """What the validators say. Raises RagstoneError where one fails, TypeError where one says nonsense."""
        return await self._aside.run(partial(self._found, subject.text, subject.stage))

    async def close(self) -> None:
        """Ends the threads."""
        await asyncio.to_thread(self._aside.close)

    def _found(self, text: str, stage: Stage) -> Finding:
        results = [asked(validator, text) for validator in self._asked.get(stage, ())]
        fixed = self._fixed(text, results, stage)
        if self._form is not None and stage == "output":
            formed = list(self._form.asked(text))
            results, fixed = [*results, *formed], None if formed else fixed
        failed = [one for one in results if not one.passed]
        flaws = tuple(dict.fromkeys(_flaws(failed)))
        reason = "; ".join(dict.fromkeys(one.reason for one in failed))
        if failed:
            told = "it fails " + ", ".join(dict.fromkeys(one.label or "a validator" for one in failed))
            return Finding(passed=False, reason=reason, flaws=flaws, fixed=fixed, told=told)
        return Finding(passed=True, fixed=fixed, repaired="changed by a validator" if fixed is not None else "")

    def _fixed(self, text: str, results: Sequence[Result], stage: Stage) -> str | None:
        """The text as all of them would have it, one after the other; None where one has no such text, or all agree."""
        now = text
        for validator, said in zip(self._asked.get(stage, ()), results, strict=True):
            again = said if now == text else asked(validator, now)
            if not again.passed and again.fixed is None:
                return None
            now = again.fixed if again.fixed is not None else now
        return now if now != text else None


@contextmanager
def _key(name: str) -> Generator[None]:
    """Names the key in what is said of it, so that its line is told."""
    try:
        yield
    except ConfigError as error:
        error.message = f"{name} cannot be used: {error.message}"
        raise


def _flaws(failed: Sequence[Result]) -> Iterator[Flaw]:
    for one in failed:
        yield from one.flaws
