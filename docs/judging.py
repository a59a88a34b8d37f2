"""Writes what `ragstone eval judge` and `prefer` print into docs/judging-answers.md, from real runs of a known judge.

    python docs/judging.py            # or: make docs
    python docs/judging.py --check    # exits with 1 when the page shows something else

The judge is a server on this machine. It knows what people think of each answer, is kinder than they are, above all to
long answers, and leans to the first of two: so the page shows how such a judge is found out.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

from ragstone.evaluation.cases import Case
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.suites.kept import Runs

PAGE = Path(__file__).with_name("judging-answers.md")
BLOCK = re.compile(
    r"```console\n\$ (?P<command>ragstone eval (?:judge|prefer)[^\n]*)\n(?P<shown>.*?)^```$", re.DOTALL | re.MULTILINE
)
LABELS, PAIRS = 60, 50
LONG = 22  # words, from which on the judge is kinder
KIND = {False: (0.7, 0.2), True: (0.1, 0.6)}  # of people's grade, and of one more; else one less, or two
PLACE = 0.25  # the chance of "first", whatever the answers are


def drawn(text: str) -> float:
    """A number from 0 to 1 that a text always has."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def quality(answer: str) -> int:
    """What people think of an answer, from 1 to 5: it names so many of the five facts."""
    return max(1, min(5, len(set(re.findall(r"fact (\d)", answer)))))


def written(facts: int, words: int) -> str:
    """An answer of so many facts, with words that say nothing."""
    named = ", ".join(f"fact {number}" for number in range(1, facts + 1))
    return f"It is {named}" + " indeed" * words + "."


class Leaning(BaseHTTPRequestHandler):
    """Judges with known faults, by chance made of what it reads."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = body["messages"][-1]["content"]
        said = self._preferred(text) if "Second answer:" in text else self._graded(text)
        read = sum(len(message["content"].split()) for message in body["messages"])
        events = [
            {"choices": [{"index": 0, "delta": {"content": said}, "finish_reason": "stop"}]},
            {"choices": [], "usage": {"prompt_tokens": read, "completion_tokens": len(said.split())}},
        ]
        data = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data.encode())

    def _graded(self, text: str) -> str:
        answer = text.partition("Answer:\n\n")[2]
        chance, long = drawn(text), len(answer.split()) > LONG
        same, more = KIND[long]
        change = 0 if chance < same else 1 if chance < same + more else 2 if long else -1
        return f"It names {quality(answer)} of the facts.\nGrade: {max(1, min(5, quality(answer) + change))}"

    def _preferred(self, text: str) -> str:
        first, _, second = text.partition("First answer:")[2].partition("Second answer:")
        one, other = quality(first), quality(second)
        better = "first" if one > other else "second" if other > one else "equal"
        return f"I have read both.\nBetter: {'first' if drawn(text) < PLACE else better}"

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def serving() -> Iterator[str]:
    """The address of the judge."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), Leaning)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}/v1"
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def write(project: Path, environment: dict[str, str]) -> None:
    """A project with grades of people and two runs, all drawn by lot once and for all."""
    subprocess.run(
        ["ragstone", "init", str(project), "--model", "local"], env=environment, check=True, capture_output=True
    )
    local = project / "connectors" / "local.yaml"
    priced = re.sub(
        r"^price: .*$", "price: {input: 0.5, output: 2}", local.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    local.write_text(priced, encoding="utf-8")
    draw, rows = Random(1), list[str]()
    for at in range(LABELS):
        answer = written(draw.randint(1, 5), draw.randint(0, 40))
        row = {"question": f"What holds of part {at}?", "answer": answer, "grade": quality(answer)}
        rows.append(json.dumps({**row, "rubric": "It names all five facts."}))
    (project / "labels.jsonl").write_text("\n".join(rows), encoding="utf-8")
    for model, least in (("small", 1), ("large", 2)):
        keep(project, model, [written(draw.randint(least, 5), draw.randint(0, 40)) for _ in range(PAIRS)])


def keep(project: Path, model: str, answers: list[str]) -> None:
    """A run of the suite `handbook`, answered by this model."""
    facts = {"suite": "handbook", "key": model, "pipelines": {"answer": {"model": model}}, "metrics": []}
    with Runs(project).begin("handbook", facts, anew=True) as file:
        for at, text in enumerate(answers):
            case = Case(id=f"part {at}", question=f"What holds of part {at}?", rubric="It names all five facts.")
            file.add(Outcome(case=case, pipeline="answer", answer={"text": text, "abstained": False, "model": model}))
        file.end(file.facts)


def page() -> str:
    """The page as it should be."""
    with tempfile.TemporaryDirectory() as folder, serving() as url:
        environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": folder,
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "COLUMNS": "80",
            "RAGSTONE_LOCAL_URL": url,
            "RAGSTONE_LOCAL_MODEL": "leaning",
        }
        project = Path(folder).resolve() / "mydocs"
        write(project, environment)

        def anew(block: re.Match[str]) -> str:
            shown = subprocess.run(
                shlex.split(block["command"]),
                cwd=project,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=True,
            )
            lines = "\n".join(line.rstrip() for line in shown.stdout.strip().splitlines())
            return f"```console\n$ {block['command']}\n{lines}\n```"

        return BLOCK.sub(anew, PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    wanted = page()
    if "--check" in sys.argv:
        raise SystemExit(
            wanted != PAGE.read_text(encoding="utf-8") and "docs/judging-answers.md is stale. Run: make docs"
        )
    PAGE.write_text(wanted, encoding="utf-8")
