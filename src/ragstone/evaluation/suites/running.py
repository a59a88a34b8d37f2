"""Runs a suite: asks every case of every pipeline, side by side, and judges each answer as it comes.

A run that was cut short goes on where it stopped, as long as nothing has changed that shapes an answer. Questions wait
for each other, and stop, by the rules of `ragstone batch`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from ragstone import __version__
from ragstone.asked import Asked
from ragstone.assembly import ProjectParts
from ragstone.batch.asking import Asker, Pending
from ragstone.batch.questions import BatchQuestion
from ragstone.batch.results import BatchAnswer
from ragstone.errors import ModelDenied, NotConfigured, RagstoneError, UsageError
from ragstone.evaluation.cases import Case
from ragstone.evaluation.contamination import found as contaminated
from ragstone.evaluation.metrics.metric import Metric
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.suites.evidence import Library, located
from ragstone.evaluation.suites.kept import Run, RunFile, Runs
from ragstone.evaluation.suites.suite import Suite, VariantSpec
from ragstone.evaluation.suites.tools import Seat, SuiteTools
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.streams import whole
from ragstone.trace import Trace
from ragstone.types import Answer, Context, Prompt
from ragstone.types import Completion as Said

__all__ = ["SuiteProgress", "run"]

SHAPING = ("connectors", "pipelines", "prompts")  # folders whose files shape an answer
SEARCH_DEPTH = 10  # passages that are found where no metric asks for more


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteProgress:
    """How far a run has come; `earlier` answers were there when it went on. `waiting` says what all wait for."""

    run: str
    done: int
    total: int
    failed: int
    earlier: int
    waiting: str = ""


Told = Callable[[SuiteProgress], None]


@dataclass(frozen=True, slots=True)
class _Job:
    """One case, asked of one pipeline once."""

    case: Case
    variant: str
    repeat: int

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from all others."""
        return self.case.id, self.variant, self.repeat


async def run(suite: Suite, *, anew: bool = False, told: Told | None = None) -> Run:
    """Runs a suite to its end, or goes on with its last run where that was cut short; `anew` begins a new one.

    Raises ConfigError and UsageError for what is wrong in its files before anything is asked, IndexBusy where another
    process runs it, and the error that concerns every question, such as a key that is refused; what was answered by
    then is kept, and the next call goes on.
    """
    await asyncio.to_thread(suite.check)
    parts = ProjectParts(suite.project)
    try:
        return await _Running(suite, parts, told).run(anew=anew)
    finally:
        await parts.close()


class _Running:
    def __init__(self, suite: Suite, parts: ProjectParts, told: Told | None) -> None:
        self.suite, self.spec, self.parts, self.told = suite, suite.spec, parts, told
        self.searches = suite.spec.only == "search"
        self.depth = max((metric.depth for metric in suite.metrics), default=0) or SEARCH_DEPTH
        self.failed = self.earlier = 0
        self.known = set[tuple[str, str, int]]()  # keys of jobs that have an outcome, be it an error

    async def run(self, *, anew: bool) -> Run:
        pipelines = {one.title: await self._pipeline(one) for one in self.spec.pipelines}
        cases = await asyncio.to_thread(self._cases, pipelines)
        facts = await asyncio.to_thread(self._facts, cases, pipelines)
        seat = Seat(self.suite, self.parts)
        tools = {name: SuiteTools(pipeline, seat) for name, pipeline in pipelines.items()}
        with Runs(self.suite.project.root).begin(self.suite.name, facts, anew=anew) as file:
            await self._answered(file, _jobs(cases, pipelines, self.spec.repeats), pipelines, tools)
            known = {**file.facts, **_learnt(file, seat)}
            return await asyncio.to_thread(file.end, known)

    # ── Before anything is asked ────────────────────────────────────────────────────────────────────────────────────

    async def _pipeline(self, variant: VariantSpec) -> AnswerPipeline:
        found = await asyncio.to_thread(self.parts.answer, tenant="default", pipeline=variant.pipeline)
        if await found.empty():
            raise UsageError("nothing was ingested yet", where=found.index.name, hint="Run: ragstone ingest")
        if variant.model is not None:
            found = found.using(router=found.router.only(variant.model))
        if not self.searches:
            found.router.require()
        return found

    def _cases(self, pipelines: Mapping[str, AnswerPipeline]) -> list[Case]:
        """With the ranges of their quotes, which are the same in every pipeline over one index."""
        libraries = {one.index.key: Library(one.index) for one in pipelines.values()}
        found = list(self.suite.cases)
        for library in libraries.values():
            found = located(found, library)
        return found

    def _facts(self, cases: Sequence[Case], pipelines: Mapping[str, AnswerPipeline]) -> dict[str, Any]:
        spec = self.spec
        return {
            "suite": self.suite.name,
            "key": self._key(cases, pipelines),
            "version": __version__,
            "started": time.time(),
            "ended": None,
            "cases": len(cases),
            "repeats": spec.repeats,
            "cache": spec.cache,
            "only": spec.only,
            "metrics": [metric.name for metric in self.suite.metrics],
            "gates": [gate.model_dump(exclude_none=True) for gate in spec.gates],
            "may_fail": spec.may_fail,
            "pipelines": {one.title: _described(one, pipelines[one.title]) for one in spec.pipelines},
            "contamination": [one.as_dict() for one in contaminated(cases, self.suite.project)],
            "notes": _notes(cases),
        }

    def _key(self, cases: Sequence[Case], pipelines: Mapping[str, AnswerPipeline]) -> str:
        """A hash of all that shapes what is asked, what is answered and how that is judged."""
        digest = hashlib.blake2b(digest_size=16)
        for part in (
            __version__,
            self.spec.model_dump_json(),
            *(json.dumps(asdict(one), default=str) for one in cases),
        ):
            digest.update(part.encode(errors="replace") + b"\0")
        root = self.suite.project.root
        for path in sorted(path for folder in SHAPING for path in (root / folder).rglob("*") if path.is_file()):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
        for one in pipelines.values():
            state, index = one.index.state, one.index
            digest.update(f"{index.key} {index.fingerprint}".encode())
            for source in sorted(state.sources(index.key, tenant=index.tenant)):
                rows = state.manifest(index.key, tenant=index.tenant, source=source)
                for uri in sorted(rows):
                    digest.update(f"{uri}\0{rows[uri].content_hash}\0".encode(errors="replace"))
        return digest.hexdigest()

    # ── Asking ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _answered(
        self,
        file: RunFile,
        jobs: Sequence[_Job],
        pipelines: Mapping[str, AnswerPipeline],
        tools: Mapping[str, SuiteTools],
    ) -> None:
        """Asks what is not answered yet; what failed in an earlier part of the run is asked again."""
        done = {(one.case.id, one.pipeline, one.repeat) for one in file.outcomes if not one.error}
        self.known = {(one.case.id, one.pipeline, one.repeat) for one in file.outcomes}
        self.earlier = len(done)
        left = [job for job in jobs if job.key not in done]
        outcomes: dict[int, Outcome] = {}

        async def ask(question: BatchQuestion) -> Answer:
            assert isinstance(question.id, int), "it is the place of its job"
            job = left[question.id]
            answer, seconds = await self._ask(pipelines[job.variant], job)
            given = Outcome(
                case=job.case, pipeline=job.variant, repeat=job.repeat, answer=self._kept(answer), seconds=seconds
            )
            outcomes[question.id] = await judged(given, self.suite.metrics, tools[job.variant])
            return answer

        asker: Asker[BatchAnswer] = Asker(
            ask, concurrency=self.spec.concurrency, waiting=lambda reason: self._tell(file, len(jobs), reason)
        )
        count = 0
        self._tell(file, len(jobs))
        if left:
            await self._loaded(pipelines)
        try:
            async with aclosing(asker.results(_pending(left))) as results:
                async for found in results:
                    await asyncio.to_thread(self._put, file, found, left, outcomes)
                    asker.passed(count := count + len(found))
                    self._tell(file, len(jobs))
        finally:
            self._put(file, asker.rest(), left, outcomes)

    async def _loaded(self, pipelines: Mapping[str, AnswerPipeline]) -> None:
        """Has each pipeline load its models and its index, so that no answer's seconds are those of the loading.

        It searches for what no case asks. What goes wrong is told by the first case.
        """
        for pipeline in pipelines.values():
            with suppress(RagstoneError):
                await pipeline.search(self.suite.name, k=1, context=Context(trace=Trace("eval")))

    def _put(
        self, file: RunFile, found: Sequence[BatchAnswer], left: Sequence[_Job], outcomes: dict[int, Outcome]
    ) -> None:
        for one in found:
            job = left[one.number]
            outcome = outcomes.pop(one.number, None)
            if outcome is None:
                error = f"{type(one.error).__name__}: {one.error}"
                outcome = Outcome(case=job.case, pipeline=job.variant, repeat=job.repeat, error=error)
                self.failed += 1
            file.add(outcome)
            self.known.add(job.key)

    async def _ask(self, pipeline: AnswerPipeline, job: _Job) -> tuple[Answer, float]:
        """One answer and its seconds. No trace of it is kept: what people ask is told apart from what tests ask."""
        case = job.case
        context = Context(
            principals=frozenset(case.principals),
            cache=self.spec.cache,
            unread=True,
            patient=True,
            trace=Trace("eval"),
        )
        begun = time.perf_counter()
        if self.searches:
            hits = await pipeline.search(case.question, k=self.depth, filters=case.filters, context=context)
            answer = _searched(tuple(hits), context)
        else:
            variant = next(one for one in self.spec.pipelines if one.title == job.variant)
            asked = Asked(question=case.question, prompt=variant.prompt, inputs=case.inputs, where=case.filters)
            answer = await whole(pipeline.stream(asked, context=context))
        return answer, time.perf_counter() - begun

    def _kept(self, answer: Answer) -> dict[str, Any]:
        found = answer.as_dict()
        return {"hits": found["hits"]} if self.searches else found

    def _tell(self, file: RunFile, total: int, waiting: str = "") -> None:
        if self.told is not None:
            done, failed, earlier = len(self.known), self.failed, self.earlier
            self.told(
                SuiteProgress(run=file.name, done=done, total=total, failed=failed, earlier=earlier, waiting=waiting)
            )


def _learnt(file: RunFile, seat: Seat) -> dict[str, Any]:
    """What is known once all is answered: versions of prompts, models, and what must be said of the judge."""
    facts = file.facts
    described: dict[str, dict[str, Any]] = {name: dict(one) for name, one in facts["pipelines"].items()}
    for outcome in file.outcomes:
        if outcome.answer.get("prompt"):
            one = described[outcome.pipeline]
            one["prompt_version"] = outcome.answer["prompt"]["version"]
            one["models"] = sorted({*one.get("models", ()), str(outcome.answer["model"])})
    return {"pipelines": described, "notes": [*facts["notes"], *seat.notes(file.outcomes)]}


async def judged(outcome: Outcome, metrics: Sequence[Metric], tools: SuiteTools) -> Outcome:
    """The outcome with its rows. A metric that raises for it is noted, and the others go on.

    Raises ModelDenied and NotConfigured: a judge that cannot be asked cannot be asked by any case.
    """
    rows: dict[str, tuple[float, ...]] = {}
    missed: dict[str, str] = {}
    for metric in metrics:
        if not metric.applies(outcome.case):
            continue
        try:
            row = await metric.row(outcome, tools)
        except (ModelDenied, NotConfigured):
            raise
        except Exception as error:
            missed[metric.name] = f"{type(error).__name__}: {error}"
            continue
        if row is None:
            continue
        if all(math.isfinite(number) for number in row):
            rows[metric.name] = row
        else:
            missed[metric.name] = "is no number"
    return replace(outcome, rows=rows, missed=missed)


def _jobs(cases: Sequence[Case], pipelines: Mapping[str, object], repeats: int) -> list[_Job]:
    return [_Job(case, name, repeat) for repeat in range(repeats) for case in cases for name in pipelines]


async def _pending(jobs: Sequence[_Job]) -> AsyncGenerator[Pending | BatchAnswer]:
    for number, job in enumerate(jobs):
        yield Pending(number, BatchQuestion(question=job.case.question, id=number))


def _described(variant: VariantSpec, pipeline: AnswerPipeline) -> dict[str, Any]:
    prompt = variant.prompt or pipeline.prompt
    return {"pipeline": variant.pipeline, "prompt": prompt, "model": variant.model, "k": pipeline.retrieve.k}


def _searched(hits: tuple[Any, ...], context: Context) -> Answer:
    return Answer(
        text="",
        abstained=False,
        citations=(),
        hits=hits,
        prompt=Prompt(name="", version="", messages=()),
        completion=Said(text="", model=""),
        trace_id=context.trace.id,
    )


def _notes(cases: Sequence[Case]) -> list[str]:
    """What to bear in mind with every figure of the run."""
    drafts, bare = sum(case.draft for case in cases), sum(not case.expects for case in cases)
    notes = list[str]()
    if drafts:
        notes.append(f"Nobody has confirmed {drafts} of {len(cases)} cases: they are drafts.")
    if bare:
        notes.append(f"No figure says whether {bare} of {len(cases)} cases are answered right: they expect nothing.")
    return notes
