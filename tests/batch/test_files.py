"""From a file into a file, whatever stops it in between."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ragstone.batch import answers
from ragstone.batch.answers import AnswerFile
from ragstone.batch.questions import BatchQuestion
from ragstone.batch.results import BatchAnswer, BatchProgress
from ragstone.batch.run import AsyncBatch
from ragstone.errors import IndexBusy, ModelDenied, ModelRejected, StateError, StorageFull, UsageError
from ragstone.types import Answer, Completion, Prompt
from ragstone.usage import Usage

Ask = Callable[[BatchQuestion], Any]


def answer(text: str) -> Answer:
    usage = Usage(input_tokens=10, output_tokens=2)
    return Answer(
        text=text,
        abstained=text == "to 1",
        citations=(),
        hits=(),
        prompt=Prompt(name="answer", version="1", messages=()),
        completion=Completion(text=text, model="m", usage=usage, cost=0.25),
        trace_id="1",
    )


class Model:
    """Answers each question in a way that only its number decides, sooner or later, and counts."""

    def __init__(self, **errors: Exception) -> None:
        self.errors = {name.removeprefix("q"): error for name, error in errors.items()}
        self.asked = Counter[str]()

    async def __call__(self, question: BatchQuestion) -> Answer:
        self.asked[question.question] += 1
        for _ in range(sum(question.question.encode()) % 7):
            await asyncio.sleep(0)
        if question.question in self.errors:
            raise self.errors[question.question]
        return answer(f"to {question.question}")


def questions(folder: Path, number: int, name: str = "questions.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps({"id": n, "question": str(n)}) + "\n" for n in range(number)))
    return path


def batch(path: Path, ask: Ask, concurrency: int = 4, **settings: Any) -> AsyncBatch:
    return AsyncBatch(path, ask, settings=settings, concurrency=concurrency)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "answers.jsonl"


def test_each_question_has_its_line_and_nothing_else_is_left(tmp_path: Path, out: Path) -> None:
    asked = questions(tmp_path, 50)
    told: list[BatchProgress] = []
    report = asyncio.run(
        batch(asked, Model(q3=ModelRejected("no", hint="Ask less.")), 8).write(out, progress=told.append)
    )
    found = read(out)
    assert [line["id"] for line in found] == list(range(50))
    assert [line["question"] for line in found] == [str(number) for number in range(50)]
    assert found[5]["answer"] == answer("to 5").as_dict()
    assert found[3]["error"] == {"type": "ModelRejected", "message": "no", "hint": "Ask less."}
    assert all(line["attempts"] == [] for line in found)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.jsonl", "questions.jsonl"]
    assert (report.answered, report.failed, report.abstained, report.earlier) == (49, 1, 1, 0)
    assert (report.input_tokens, report.output_tokens, report.cost) == (490, 98, 49 * 0.25)
    assert told[0].report is report
    assert told[0].total == 50


def test_run_again_it_asks_nothing_and_counts_the_same(tmp_path: Path, out: Path) -> None:
    asked, model = questions(tmp_path, 20), Model(q3=ModelRejected("no"))
    before = (asyncio.run(batch(asked, model).write(out))).as_dict()
    written = out.read_bytes()
    again = (asyncio.run(batch(asked, model).write(out))).as_dict()
    assert again == {**before, "earlier": 20, "seconds": again["seconds"]}
    assert out.read_bytes() == written
    assert max(model.asked.values()) == 1


def test_questions_that_are_added_are_asked(tmp_path: Path, out: Path) -> None:
    model = Model()
    asyncio.run(batch(questions(tmp_path, 5), model).write(out))
    report = asyncio.run(batch(questions(tmp_path, 8), model).write(out))
    assert (report.earlier, report.answered) == (5, 8)
    assert model.asked == Counter(map(str, range(8)))


@pytest.mark.parametrize("size", [0, 1, 5, 300, 301, 1000])
def test_whatever_the_last_run_has_left_it_goes_on(tmp_path: Path, out: Path, size: int) -> None:
    asked = questions(tmp_path, 30)
    asyncio.run(batch(asked, Model()).write(out))
    whole = out.read_bytes()
    out.write_bytes(whole[:size])
    done = whole[:size].count(b"\n")
    lines = whole.splitlines(keepends=True)
    journal = out.with_name("answers.jsonl.journal")
    journal.write_bytes(b"12\t" + lines[12] + b"20\t" + lines[20] + b"0\t" + lines[0] + b"21\t" + lines[21][:40])
    model = Model()
    report = asyncio.run(batch(asked, model).write(out))
    assert out.read_bytes() == whole
    assert model.asked == Counter(str(n) for n in range(done, 30) if n not in (0, 12, 20))
    assert (report.earlier, report.answered) == (max(done, 1) + 2, 30)
    assert not journal.exists()


def test_a_batch_that_is_stopped_keeps_all_that_was_answered(tmp_path: Path, out: Path) -> None:
    asked, calls = questions(tmp_path, 200), Counter[str]()
    stop = asyncio.Event()

    async def ask(question: BatchQuestion) -> Answer:
        calls[question.question] += 1
        if question.question == "0" and not stop.is_set():
            await asyncio.Event().wait()  # all others have to wait for their turn
        if question.question == "60":
            stop.set()
        return answer(f"to {question.question}")

    async def stopped() -> None:
        task = asyncio.create_task(batch(asked, ask).write(out))
        await stop.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(stopped())
    assert out.read_bytes() == b""
    assert not out.with_name("answers.jsonl.lock").exists()
    report = asyncio.run(batch(asked, ask).write(out))
    assert report.earlier >= 60
    assert [line["answer"]["text"] for line in read(out)] == [f"to {number}" for number in range(200)]
    assert sum(calls.values()) <= 200 + 4


def test_an_error_that_concerns_every_question_leaves_a_file_that_goes_on(tmp_path: Path, out: Path) -> None:
    asked = questions(tmp_path, 40)
    denied = {f"q{number}": ModelDenied("the key was refused") for number in range(10, 40)}
    with pytest.raises(ModelDenied):
        asyncio.run(batch(asked, Model(**denied)).write(out))
    assert all("answer" in line for line in read(out))
    report = asyncio.run(batch(asked, Model()).write(out))
    assert (report.earlier, report.answered, report.failed) == (10, 40, 0)


def test_failed_questions_are_asked_again_on_request_alone(tmp_path: Path, out: Path) -> None:
    asked = questions(tmp_path, 30)
    asyncio.run(batch(asked, Model(q3=ModelRejected("no"), q29=ModelRejected("no"))).write(out))
    model = Model(q29=ModelRejected("never"))
    report = asyncio.run(batch(asked, model).write(out, retry_failed=True))
    assert model.asked == {"3": 1, "29": 1}
    assert (report.earlier, report.answered, report.failed) == (28, 29, 1)
    assert [line["question"] for line in read(out)] == [str(number) for number in range(30)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.jsonl", "questions.jsonl"]


def test_asking_again_may_be_stopped_too(tmp_path: Path, out: Path) -> None:
    asked = questions(tmp_path, 30)
    asyncio.run(batch(asked, Model(q3=ModelRejected("no"), q20=ModelRejected("no"))).write(out))
    with pytest.raises(ModelDenied):
        asyncio.run(batch(asked, Model(q20=ModelDenied("the key was refused")), 1).write(out, retry_failed=True))
    assert len(read(out)) == 20
    model = Model()
    report = asyncio.run(batch(asked, model).write(out))  # the answers from before are still there
    assert model.asked == {"20": 1}
    assert (report.answered, report.failed) == (30, 0)
    assert len(read(out)) == 30


def test_a_question_that_failed_may_be_mended(tmp_path: Path, out: Path) -> None:
    asked = questions(tmp_path, 3)
    asked.write_text('"0"\nnonsense\n"2"\n')
    assert (asyncio.run(batch(asked, Model()).write(out))).failed == 1
    asked.write_text('"0"\n"1"\n"2"\n')
    with pytest.raises(UsageError, match="it answers another question"):
        asyncio.run(batch(asked, Model()).write(out))
    assert (asyncio.run(batch(asked, Model()).write(out, retry_failed=True))).failed == 0


@pytest.mark.parametrize("text", ['"0"\n"x"\n"2"\n', '"0"\n', '"x"\n"1"\n"2"\n', ""])
@pytest.mark.parametrize("retry_failed", [False, True])
def test_the_answers_to_other_questions_are_left_alone(
    tmp_path: Path, out: Path, text: str, retry_failed: bool
) -> None:
    asked = questions(tmp_path, 3)
    asked.write_text('"0"\n"1"\n"2"\n')
    asyncio.run(batch(asked, Model()).write(out))
    written = out.read_bytes()
    asked.write_text(text)
    with pytest.raises(UsageError, match=r"answers\.jsonl:\d: it answers another question"):
        asyncio.run(batch(asked, Model()).write(out, retry_failed=retry_failed))
    assert out.read_bytes() == written


def test_the_same_questions_with_another_prompt_are_others(tmp_path: Path, out: Path) -> None:
    asked = questions(tmp_path, 3)
    asyncio.run(batch(asked, Model(), prompt="answer").write(out))
    with pytest.raises(UsageError, match="one that was asked in another way"):
        asyncio.run(batch(asked, Model(), prompt="brief").write(out))


@pytest.mark.parametrize("text", ["precious\n", "precious", '{"a": 1}\n', '{"asked": \n', '[1]\n"x"'])
def test_a_file_of_another_kind_is_never_written_over(tmp_path: Path, out: Path, text: str) -> None:
    out.write_text(text)
    with pytest.raises(UsageError, match="is no file of answers"):
        asyncio.run(batch(questions(tmp_path, 3), Model()).write(out))
    assert out.read_text() == text


def test_files_that_cannot_be_right_are_refused_before_anything_is_asked(tmp_path: Path, out: Path) -> None:
    asked, model = questions(tmp_path, 3), Model()
    (tmp_path / "link.jsonl").symlink_to(asked)
    for given, to, said in (
        (asked, asked, "written over the questions"),
        (asked, tmp_path / "link.jsonl", "written over the questions"),
        (asked, tmp_path / "none" / "a.jsonl", "there is no such folder: expected a file in a folder"),
        (asked, tmp_path, "is a folder"),
        (tmp_path / "none.jsonl", out, "there is no such file: expected a file with a question on each line"),
        (tmp_path, out, "is a folder"),
    ):
        with pytest.raises(UsageError, match=said):
            asyncio.run(batch(given, model).write(to))
    assert not model.asked
    assert not out.exists()


def test_an_empty_file_has_no_questions(tmp_path: Path, out: Path) -> None:
    assert (asyncio.run(batch(questions(tmp_path, 0), Model()).write(out))).done == 0
    assert out.read_bytes() == b""


def test_two_batches_at_once_are_refused(tmp_path: Path, out: Path) -> None:
    asked = questions(tmp_path, 3)
    with AnswerFile(out), pytest.raises(IndexBusy, match=r"answers\.jsonl: is being written by ragstone batch"):
        asyncio.run(batch(asked, Model()).write(out))
    assert (asyncio.run(batch(asked, Model()).write(out))).answered == 3


def test_a_long_journal_is_written_anew(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "JOURNAL", 2000)
    sizes: list[int] = []
    journal = out.with_name("answers.jsonl.journal")

    async def ask(question: BatchQuestion) -> Answer:
        sizes.append(journal.stat().st_size)
        for _ in range(5 if int(question.question) % 5 == 0 else 0):
            await asyncio.sleep(0)
        return answer(f"to {question.question}")

    report = asyncio.run(batch(questions(tmp_path, 400), ask, 8).write(out))
    assert report.answered == 400
    assert [line["id"] for line in read(out)] == list(range(400))
    assert 0 < max(sizes) < 20_000


class FullDisk:
    """A file that takes so many bytes of all that is written, and then no more."""

    def __init__(self, file: Any, room: int) -> None:
        self._file, self.room = file, room

    def write(self, data: memoryview) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = min(self.room, len(data))
        self.room -= taken
        return int(self._file.write(data[:taken]))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@pytest.mark.parametrize("room", [0, 10, 1500, 5000])
def test_a_full_disk_leaves_whole_lines(tmp_path: Path, out: Path, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = questions(tmp_path, 60)
    entered = AnswerFile.__enter__

    def enter(self: AnswerFile) -> AnswerFile:
        entered(self)
        self._file = FullDisk(self._file, room)  # type: ignore[assignment]
        return self

    with monkeypatch.context() as patch:
        patch.setattr(AnswerFile, "__enter__", enter)
        with pytest.raises(StorageFull, match=r"the disk is full\. Free some space and run the same command again"):
            asyncio.run(batch(asked, Model()).write(out))
    kept = out.read_bytes()
    assert len(kept) <= room
    assert kept == b"" or kept.endswith(b"}\n")
    report = asyncio.run(batch(asked, Model()).write(out))
    assert report.answered == 60
    assert out.read_bytes().startswith(kept)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_named(tmp_path: Path) -> None:
    asked, closed = questions(tmp_path, 3), tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(StateError, match="closed"):
        asyncio.run(batch(asked, Model()).write(closed / "a.jsonl"))


def test_only_a_file_can_be_gone_on_with(out: Path) -> None:
    with pytest.raises(UsageError, match="only a file of questions can be gone on with"):
        asyncio.run(AsyncBatch(["When?"], Model(), settings={}, concurrency=1).write(out))


def test_a_program_may_iterate_over_the_answers_to_a_file(tmp_path: Path) -> None:
    asked = questions(tmp_path, 3)
    asked.write_text('"0"\nnonsense\n"2"\n')

    async def answered() -> list[BatchAnswer]:
        return [one async for one in batch(asked, Model())]

    found = asyncio.run(answered())
    assert [one.answer.text if one.answer else None for one in found] == ["to 0", None, "to 2"]
    assert str(found[1].error).startswith(f"{asked}:2: the line is no JSON")


KILLED = textwrap.dedent("""
    import asyncio, os, signal, sys
    from pathlib import Path
    from test_files import answer, batch

    folder, left = Path(sys.argv[1]), int(sys.argv[2])

    async def ask(question):
        global left
        with (folder / "log").open("a") as log:
            log.write(question.question + "\\n")
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        for _ in range(int(question.question) * 7 % 11):
            await asyncio.sleep(0)
        return answer(f"to {question.question}")

    asyncio.run(batch(folder / "questions.jsonl", ask, 8).write(folder / "answers.jsonl"))
""")


def test_killed_again_and_again_it_ends_with_the_same_file(tmp_path: Path) -> None:
    asked = questions(tmp_path, 150)
    asyncio.run(batch(asked, Model()).write(tmp_path / "undisturbed.jsonl"))
    deaths = (1, 30, 57)
    for left in (*deaths, 0):
        path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
        process = subprocess.run(
            [sys.executable, "-c", KILLED, str(tmp_path), str(left)],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
        )
        assert process.returncode == (-9 if left else 0), process.stderr
    assert (tmp_path / "answers.jsonl").read_bytes() == (tmp_path / "undisturbed.jsonl").read_bytes()
    times = Counter((tmp_path / "log").read_text().split())
    assert len(times) == 150
    # What was under way, had come, or was on its way to the disk when a process died is asked once more.
    assert sum(times.values()) - 150 <= len(deaths) * 4 * 8
    assert sorted(path.name for path in tmp_path.iterdir() if "answers" in path.name) == ["answers.jsonl"]
