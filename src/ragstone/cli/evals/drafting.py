"""`ragstone eval new`: a suite to begin with, drafted from the documents or from what people said of answers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from ragstone.assembly import ProjectParts
from ragstone.cli import show
from ragstone.cli.options import Debug, PipelineName, ProjectFolder, command
from ragstone.errors import UsageError
from ragstone.evaluation import questions
from ragstone.evaluation.suites.drafting import Drafts, by_model, by_words, write
from ragstone.evaluation.suites.feedback import from_feedback as cases_of_feedback
from ragstone.evaluation.suites.suite import EVALS
from ragstone.project import Project, find
from ragstone.trace import Trace
from ragstone.types import Context

__all__ = ["new_suite"]

COUNT = 40

HEAD = """\
# A suite: questions whose answers are known. Run it: ragstone eval run {name}
cases: {name}.jsonl
pipelines: [{pipeline}]
# metrics: [hit@5, contained, supported, latency@95]     all that the cases allow, if absent
# gates:
#   - {{metric: hit@5, at_least: 0.8}}
"""


@command
def new_suite(
    name: Annotated[str, typer.Argument(help="What the suite is called: evals/NAME.yaml and evals/NAME.jsonl.")],
    from_documents: Annotated[
        bool, typer.Option("--from-documents", help="Draft cases from the documents that were ingested.")
    ] = False,
    from_feedback: Annotated[
        bool, typer.Option("--from-feedback", help="Make cases of what people have said of answers.")
    ] = False,
    count: Annotated[int, typer.Option("--count", metavar="N", min=1, max=10_000, help="How many.")] = COUNT,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="Who writes them; the first of the route, if absent.")
    ] = None,
    words: Annotated[bool, typer.Option("--words", help="Ask no model: headings and first sentences.")] = False,
    pipeline: PipelineName = "answer",
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Begin a suite. What is drafted is marked so until a person has read it."""
    if not name.replace("-", "").replace("_", "").isalnum():
        raise UsageError("is no name for a suite", found=name, expected="letters, digits, - and _")
    if words and model is not None:
        raise UsageError("--words asks no model", found=f"--model {model}")
    root = find(project)
    for suffix in (".yaml", ".jsonl"):
        if (path := root / EVALS / f"{name}{suffix}").exists():
            hint = "Choose another name, or delete it."
            raise UsageError("the file is there already, and may hold your edits", where=show.near(path), hint=hint)
    if from_documents == from_feedback:
        raise UsageError("what shall the cases be made of?", expected="--from-documents or --from-feedback")
    made = _of_feedback(root, count) if from_feedback else _drafted(root, pipeline, count, model, words=words)
    found = asyncio.run(made)
    if not found.rows:
        hint = (
            "Nobody has said anything of an answer yet." if from_feedback else "Ingest prose, or write cases yourself."
        )
        raise UsageError("there is nothing to make cases of", hint=hint)
    cases, spec = write(root / EVALS, name, found.rows, suite=HEAD.format(name=name, pipeline=pipeline))
    for reason, times in found.refused.items():
        show.out.print(f"{times} left out: {reason}.", markup=False)
    few = f" of {count}" if len(found.rows) < count else ""
    show.out.print(
        f"{len(found.rows)}{few} cases in {show.near(cases)}, the suite in {show.near(spec)}.\n\n"
        'Read each case. Mend it or delete its line; where it is right, delete its "draft".\n'
        f"Then: ragstone eval run {name}",
        markup=False,
        soft_wrap=True,
    )


async def _drafted(root: Path, pipeline: str, count: int, model: str | None, *, words: bool) -> Drafts:
    parts = ProjectParts(Project(root))
    try:
        answers = await asyncio.to_thread(parts.answer, tenant="default", pipeline=pipeline)
        if await answers.empty():
            raise UsageError("nothing was ingested yet", where=answers.index.name, hint="Run: ragstone ingest")
        documents = await asyncio.to_thread(questions.documents, answers.index, context=_context())
        tests = await asyncio.to_thread(parts.prompt_tests, pipeline=pipeline, model=model)
        if words or not tests.writes:
            if model is not None:
                raise UsageError(f"{model!r} only quotes", expected="a model that writes, or --words")
            return await asyncio.to_thread(by_words, documents, count=count)
        with show.counting(f"Asking {tests.model}", count) as told:
            return await by_model(documents, tests.runner, count=count, context=_context, told=told)
    finally:
        await parts.close()


async def _of_feedback(root: Path, count: int) -> Drafts:
    parts = ProjectParts(Project(root))
    try:
        said = await asyncio.to_thread(parts.feedback.newest, tenant="default")
    finally:
        await parts.close()
    return Drafts(cases_of_feedback(said)[:count], {})


def _context() -> Context:
    return Context(cache="off", patient=True, trace=Trace("draft"))
