"""Many questions in, their answers out in order; from file to file, it goes on where it was stopped."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import Any, TypeVar

from ragstone.batch.answers import AnswerFile, Answers, Kept
from ragstone.batch.asking import Ask, Asker, Pending, check_concurrency, in_order
from ragstone.batch.lines import STANDARD, Line, count, lines, opened, read_ahead
from ragstone.batch.questions import of_line, question_of
from ragstone.batch.results import BatchAnswer, BatchProgress, BatchReport, written
from ragstone.errors import UsageError

__all__ = ["AsyncBatch"]

T = TypeVar("T")
Told = Callable[[BatchProgress], None]
Item = Pending | BatchAnswer | Kept


class AsyncBatch:
    """Many questions that are asked side by side.

        async for one in rag.batch(["When does it ship?", {"question": "Who leads it?", "k": 3}]):
            print(one.answer.text if one.answer else one.error)

        report = await rag.batch("questions.jsonl").write("answers.jsonl")

    Both raise the error that concerns every question, such as a key that is refused; questions that fail by themselves
    give their error in place of an answer. What is iterated over is read as it is needed.
    """

    def __init__(
        self, questions: str | Path | Iterable[object], ask: Ask, *, settings: Mapping[str, Any], concurrency: int
    ) -> None:
        self._questions = Path(questions) if isinstance(questions, str) else questions
        self._ask, self._concurrency = ask, check_concurrency(concurrency)
        self._settings = json.dumps(settings, sort_keys=True, default=str)

    async def __aiter__(self) -> AsyncGenerator[BatchAnswer]:
        """What comes of each question, in their order."""
        asker: Asker[BatchAnswer] = Asker(self._ask, concurrency=self._concurrency)
        with ExitStack() as ends:
            if isinstance(self._questions, Path):
                file = ends.enter_context(opened(self._questions))
                items = read_ahead(_item(line, self._questions) for line in lines(file, ""))
            else:
                items = _given(self._questions)
            async with aclosing(in_order(asker, items)) as found:
                async for one in found:
                    yield one

    async def write(
        self, answers: str | Path, *, retry_failed: bool = False, progress: Told | None = None
    ) -> BatchReport:
        """Asks each line of a file and writes a line for each, in their order; run again, it goes on.

        `-` is standard input or output. With `retry_failed` questions whose line is an error are asked again. Raises
        UsageError for files that do not belong together, IndexBusy where another run writes the answers, and
        StorageFull; what was answered by then is kept.
        """
        questions, answers = self._questions, Path(answers)
        if not isinstance(questions, Path):
            raise UsageError("only a file of questions can be gone on with", expected="rag.batch(PATH)")
        _check(questions, answers, retry_failed)
        begun = time.perf_counter()
        with ExitStack() as ends:
            file = ends.enter_context(opened(questions))
            total = await asyncio.to_thread(count, questions)
            out = Answers() if answers == STANDARD else ends.enter_context(AnswerFile(answers))
            left = lines(file, self._settings)
            if isinstance(out, AnswerFile):
                await asyncio.to_thread(out.resume, left, questions=questions, again=retry_failed)
                if retry_failed and await asyncio.to_thread(out.again):
                    file.seek(0)
                    left = lines(file, self._settings)
            await _Run(out, questions, total, progress).answered(left, self._ask, self._concurrency)
            if isinstance(out, AnswerFile):
                out.finish()
            out.report.seconds = time.perf_counter() - begun
            return out.report


class _Run:
    def __init__(self, out: Answers, questions: Path, total: int | None, progress: Told | None) -> None:
        self.out, self.questions, self.total, self.progress = out, questions, total, progress
        self.keys: dict[int, str] = {}

    async def answered(self, left: Iterator[Line], ask: Ask, concurrency: int) -> None:
        """Asks all that is left."""
        asker: Asker[BatchAnswer | Kept] = Asker(ask, concurrency=concurrency, waiting=self._waiting)
        asker.passed(self.out.next)
        self._tell()
        try:
            async with aclosing(asker.results(self._items(left))) as results:
                async for found in results:
                    asker.passed(await _whole(asyncio.to_thread(self._put, found)))
                    self._tell()
        finally:
            self._put(asker.rest())

    async def _items(self, left: Iterator[Line]) -> AsyncGenerator[Item]:
        async with aclosing(read_ahead(self._read(left))) as found:
            async for line, item in found:
                self.keys[line.number] = line.key
                yield item

    def _read(self, left: Iterator[Line]) -> Generator[tuple[Line, Item]]:
        for line in left:
            kept = self.out.kept(line) if isinstance(self.out, AnswerFile) else None
            yield line, kept or _item(line, self.questions)

    def _put(self, found: Sequence[Item]) -> int:
        data: list[tuple[int, bytes]] = []
        for one in found:
            key = self.keys.pop(one.number)
            if isinstance(one, Kept):
                line = json.loads(one.data)
                self.out.report.earlier += 1
                data.append((one.number, one.data))
            else:
                assert isinstance(one, BatchAnswer), "what is pending is not handed over"
                line, text = written(key, one)
                data.append((one.number, text))
            self.out.report.count(line)
        return self.out.put(data)

    def _tell(self, waiting: str = "") -> None:
        if self.progress:
            self.progress(BatchProgress(report=self.out.report, total=self.total, waiting=waiting))

    def _waiting(self, reason: str) -> None:
        self._tell(reason)


def _item(line: Line, questions: Path) -> Pending | BatchAnswer:
    try:
        return Pending(line.number, of_line(line.data))
    except UsageError as error:
        error.where = f"{questions}:{line.place}"
        return BatchAnswer(number=line.number, question=None, error=error)


async def _given(questions: Iterable[object]) -> AsyncGenerator[Pending | BatchAnswer]:
    for number, given in enumerate(questions):
        try:
            yield Pending(number, question_of(given))
        except UsageError as error:
            yield BatchAnswer(number=number, question=None, error=error)


async def _whole(work: Awaitable[T]) -> T:
    """Work that is not cut short: who goes away waits until it is done."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


def _check(questions: Path, answers: Path, retry_failed: bool) -> None:
    """What can be known to be wrong before anything is opened."""
    if answers == STANDARD:
        if retry_failed:
            raise UsageError(
                "standard output keeps no failed answers", where="--retry-failed", expected="a file with -o"
            )
        return
    if retry_failed and questions == STANDARD:
        raise UsageError("standard input cannot be read again", where="--retry-failed", expected="a file of questions")
    if answers.is_dir() or not answers.parent.is_dir():
        what = "is a folder" if answers.is_dir() else "there is no such folder"
        raise UsageError(what, where="-o", expected="a file in a folder that is there", found=str(answers))
    if answers.exists() and questions.exists() and answers.samefile(questions):
        raise UsageError("the answers would be written over the questions", where="-o", found=str(answers))
