"""Asks the same questions with layers of a prompt file switched off, one after the other, and notes what came of it.

The prompts go the way of `prompt test`: one model, no cache. Every setting is asked about a case before the next case
is begun, so that a server which grows slow, or a run that is cut short, hits all settings alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragstone.errors import ModelError, NotConfigured, PromptError, UsageError, nearest
from ragstone.pipelines.prompt_tests import AT_ONCE, NO_WRITER, CaseRun, PromptTests
from ragstone.prompts.file import PromptFile, load
from ragstone.prompts.schema import Layers
from ragstone.prompts.testing.cases import MOST_REPEATS, Case, load_cases
from ragstone.prompts.testing.gold import ANSWER, read_gold
from ragstone.prompts.testing.report import Trial
from ragstone.together import together
from ragstone.types import Prompt

__all__ = ["ALL", "AS_IT_IS", "REPEATS", "Ablations", "Experiment", "Setting"]

AS_IT_IS = "as it is"
ALL = "all layers"

REPEATS = 3
"""How often each case is asked, where nobody says otherwise."""
HOPELESS = 20  # requests that fail, and no reply yet: nothing will come

Told = Callable[[int, int], None]
"""Is told how many answers are there, and how many there will be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A prompt file with some layers off: the file as it is, without one layer, or without all."""

    name: str
    file: PromptFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What is asked, and what was answered so far: `trials` has for each setting the trials of each case.

    The first setting is the file as it is. `prompts` are what is sent, for each setting that of each case, or why
    nothing can be. `left_out` says which cases cannot be asked and which layers cannot be off alone, and why.
    """

    prompt: str
    version: str
    model: str
    repeats: int
    cases: tuple[Case, ...]
    settings: tuple[Setting, ...]
    prompts: tuple[tuple[Prompt | str, ...], ...]
    left_out: tuple[str, ...] = ()
    trials: tuple[tuple[list[Trial], ...], ...] = ()

    @property
    def layers(self) -> tuple[Setting, ...]:
        """The settings with something off."""
        return self.settings[1:]

    @property
    def answers(self) -> int:
        """How many answers are asked for."""
        return len(self.settings) * len(self.cases) * self.repeats

    @property
    def answered(self) -> int:
        """How many are there."""
        return sum(len(trials) for of_setting in self.trials for trials in of_setting)

    @property
    def sent(self) -> tuple[Prompt, ...]:
        """Every prompt that can be sent; each goes out `repeats` times."""
        return tuple(prompt for row in self.prompts for prompt in row if isinstance(prompt, Prompt))

    @property
    def calls(self) -> int:
        """The calls of a model when all goes well."""
        return self.repeats * sum(prompt.calls for prompt in self.sent)

    @property
    def worst_case_calls(self) -> int:
        """Those that are never exceeded."""
        return self.repeats * sum(prompt.worst_case_calls for prompt in self.sent)


class Ablations:
    """Compares a prompt file with itself, without its layers.

    >>> experiment = await ablations.prepared("solve", Path("sums.jsonl"), repeats=3)
    >>> await ablations.run(experiment)
    """

    def __init__(self, tests: PromptTests) -> None:
        self.tests = tests

    async def prepared(
        self,
        prompt: str,
        cases: Path,
        *,
        repeats: int = REPEATS,
        layers: Sequence[str] = (),
        limit: int | None = None,
        gold: str = ANSWER,
        field: str = "",
    ) -> Experiment:
        """Everything that will be sent. No model is asked yet.

        `layers` are those to switch off; without any, each that is on, and all together. `gold` is the key of a row
        that holds its right answer, `field` the output that is compared with it.

        Raises PromptError and ConfigError for files that cannot be used, UsageError for what cannot be compared, and
        NotConfigured without a model that can answer.
        """
        for name, value, most in (("repeats", repeats, MOST_REPEATS), ("limit", limit, None)):
            if value is not None and (value < 1 or (most and value > most)):
                expected = f"1 to {most}" if most else "1 or more"
                raise UsageError(f"{name} is out of range", expected=expected, found=str(value))
        file, settings, bound = await asyncio.to_thread(self._settings, prompt, layers)
        read = await asyncio.to_thread(_cases, cases, file, gold, field, limit)
        asked, left_out = self._able(file, read)
        prompts = [[""] * len(asked) for _ in settings]
        jobs = ((row, column) for column in range(len(asked)) for row in range(len(settings)))
        built: list[list[Prompt | str]] = [[*row] for row in prompts]

        async def build() -> None:
            for row, column in jobs:
                built[row][column] = await self._built(settings[row].file, asked[column])

        await together(build() for _ in range(AT_ONCE))
        return Experiment(
            prompt=prompt,
            version=file.version,
            model=self.tests.model,
            repeats=repeats,
            cases=tuple(asked),
            settings=settings,
            prompts=tuple(tuple(row) for row in built),
            left_out=(*bound, *left_out),
            trials=tuple(tuple([] for _ in asked) for _ in settings),
        )

    async def run(self, experiment: Experiment, *, told: Told | None = None, at_once: int = AT_ONCE) -> None:
        """Asks, and fills the experiment's `trials`; what is there when it is stopped stays there.

        Raises ModelDenied, and ModelError when no request at all is answered.
        """
        runs = [CaseRun(self.tests, setting.file) for setting in experiment.settings]
        jobs = _jobs(experiment)
        done, answered = experiment.answered, False

        async def ask() -> None:
            nonlocal done, answered
            for row, column, place in jobs:
                prompt = experiment.prompts[row][column]
                if isinstance(prompt, str):
                    trial = Trial(right=False, failure=prompt)
                else:
                    trial = await runs[row].trial(experiment.cases[column], prompt, place)
                experiment.trials[row][column].append(trial)
                done, answered = done + 1, answered or not trial.failure
                if not answered and done >= HOPELESS:
                    raise ModelError(f"none of the first {HOPELESS} requests was answered", found=trial.failure)
                if told is not None:
                    told(done, experiment.answers)

        await together(ask() for _ in range(at_once))

    def _settings(self, prompt: str, layers: Sequence[str]) -> tuple[PromptFile, tuple[Setting, ...], tuple[str, ...]]:
        """The file, what it is compared with, and which layers others cannot do without."""
        file = self.tests.prompt_file(prompt)
        on = file.layers_on
        wanted = tuple(dict.fromkeys(layers)) or on
        _check_layers(prompt, on, wanted)
        off: list[tuple[str, Collection[str]]] = [(layer, (layer,)) for layer in wanted]
        if len(on) > 1 and not layers:
            off.append((ALL, on))
        settings, bound = [Setting(name=AS_IT_IS, file=file)], list[str]()
        for name, names in off:
            try:
                settings.append(Setting(name=name, file=load(file.path, root=file.root, off=names)))
            except PromptError as error:  # a layer that another one needs, such as the marker that votes are read by
                if layers or len(on) == 1:
                    raise
                bound.append(f"{name} cannot be switched off by itself: {error.message}")
        return file, tuple(settings), tuple(bound)

    def _able(self, file: PromptFile, cases: Sequence[Case]) -> tuple[list[Case], tuple[str, ...]]:
        """The cases that this model can be asked, and for the others why not."""
        asked: list[Case] = []
        left: dict[str, int] = {}
        for case in cases:
            reason = self.tests.unable(file, case) if case.expect else "no check of a reply"
            if reason:
                left[reason] = left.get(reason, 0) + 1
            else:
                asked.append(case)
        if not asked and NO_WRITER in left:
            hint = "Name one under `route` in pipelines/answer.yaml, or with --model."
            raise NotConfigured("no model that writes is configured", where=f"prompt {file.name!r}", hint=hint)
        if not asked:
            raise UsageError("no case can be asked", found=", ".join(left), hint="Write a list under `expect`.")
        return asked, tuple(f"{count} case{'s' * (count != 1)} left out: {why}" for why, count in left.items())

    async def _built(self, file: PromptFile, case: Case) -> Prompt | str:
        try:
            return await self.tests.built(file, case)
        except (PromptError, UsageError) as error:
            return str(error)


def _jobs(experiment: Experiment) -> Iterator[tuple[int, int, int]]:
    for column in range(len(experiment.cases)):
        for place in range(experiment.repeats):
            for row in range(len(experiment.settings)):
                yield row, column, place


def _check_layers(prompt: str, on: Sequence[str], wanted: Sequence[str]) -> None:
    known = [one.alias or name for name, one in Layers.model_fields.items()]
    where = f"prompt {prompt!r}"
    if not on:
        hint = "Switch one on under metadata.ragstone.layers."
        message = "no layer is on, so there is nothing to switch off"
        raise UsageError(message, where=where, expected="one of " + ", ".join(known), hint=hint)
    for layer in wanted:
        if layer not in on:
            message = f"the layer {layer!r} is off" if layer in known else f"there is no layer {layer!r}"
            raise UsageError(message, where=where, expected="one of " + ", ".join(on), hint=nearest(layer, on))


def _cases(path: Path, file: PromptFile, gold: str, field: str, limit: int | None) -> tuple[Case, ...]:
    kind = path.suffix.lower()
    if kind in (".jsonl", ".ndjson"):
        return read_gold(path, subject=file.subject, key=gold, field=field, limit=limit)
    if kind not in (".yaml", ".yml"):
        expected = "a file of tests (.yaml), or questions with answers (.jsonl)"
        raise UsageError("cannot hold cases", where=str(path), expected=expected, found=kind or "no ending")
    if field or gold != ANSWER:
        hint = "Name it in the file: expect: [answer: {right: …, field: …}]"
        raise UsageError("a file of tests says itself what is compared", where=str(path), hint=hint)
    if not path.is_file():
        raise UsageError("there is no such file", where=str(path))
    return load_cases(path, root=path.resolve().parent, where=str(path), subject=file.subject)[:limit]
