"""`ragstone prompt ablate`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openai_server import Reply, Server, failure, piece, serving, streamed

PROMPT = """---
inputs: [{name: question, kind: string, required: true}]
metadata: {ragstone: {layers: {few_shot: {on: true, file: examples/sums.jsonl, k: 1}}}}
---
system:
Solve it.

user:
{{ question }}
"""
LAST = {"prompt_tokens": 0, "completion_tokens": 10, "total_tokens": 10}


def reply(text: str, *, tokens: int) -> Reply:
    """What a server says, and how many tokens it has read."""
    return streamed(piece(text), piece(finish_reason="stop", usage={**LAST, "prompt_tokens": tokens}))


def replies(cases: int, *, shown: int, bare: int) -> list[Reply]:
    """Each case is asked as it is and without the layer; so many are answered rightly."""
    pairs = [(str(case if case < shown else "?"), str(case if case < bare else "?")) for case in range(cases)]
    return [one for with_it, without in pairs for one in (reply(with_it, tokens=190), reply(without, tokens=90))]


@pytest.fixture
def cases(project: Path) -> str:
    """A prompt with a layer, and 12 cases for it."""
    (project / "prompts" / "solve.prompty").write_text(PROMPT)
    (project / "prompts" / "examples").mkdir(exist_ok=True)
    row = {"inputs": {"question": "How many?"}, "output": "Six."}
    (project / "prompts" / "examples" / "sums.jsonl").write_text(json.dumps(row))
    rows = [json.dumps({"question": f"Which is {number}?", "answer": number}) for number in range(12)]
    (project / "cases.jsonl").write_text("\n".join(rows))
    return "cases.jsonl"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, cases: str) -> Iterator[Server]:
    with serving() as server:
        monkeypatch.setenv("RAGSTONE_LOCAL_URL", server.url)
        monkeypatch.setenv("RAGSTONE_LOCAL_MODEL", "tiny")
        monkeypatch.setenv("COLUMNS", "80")
        yield server


ASK = ("prompt", "ablate", "solve", "--cases", "cases.jsonl", "--model", "local", "--at-once", "1", "--repeats", "1")


def test_the_table_and_the_sentence_in_80_columns(server: Server, run) -> None:
    server.will(*replies(12, shown=12, bare=0))
    shown = run(*ASK)
    assert shown.exit_code == 0, shown.output
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    assert max(len(line) for line in shown.stdout.splitlines()) <= 80
    assert lines[:2] == ["layer with without gain ± tokens ×", "few_shot 100.0 % 0.0 % +100.0 ± 0.0 2.00"]
    assert lines[3] == "few_shot: ×2 tokens for +100.0 ± 0.0: gain shown"
    assert "12 cases, 1 repeat, 24 answers, 24 calls of local." in shown.stdout
    assert "solve as it is, and without: few_shot." in shown.stderr
    assert "2 settings × 12 cases × 1 repeat = 24 answers." in shown.stderr
    assert "24 calls of local; free of charge." in shown.stderr
    assert [len(body["messages"]) for _, body, _ in server.requests] == [4, 2] * 12


def test_what_it_costs_is_said_before_and_after(server: Server, project: Path, run) -> None:
    path = project / "connectors" / "local.yaml"
    path.write_text(path.read_text().replace("{input: 0, output: 0}", "{input: 10, output: 20}"))
    server.will(*replies(12, shown=6, bare=6))
    shown = run(*ASK, "--json")
    assert "24 calls of local; at most " in shown.stderr
    found = json.loads(shown.stdout)
    assert found["cost"] == pytest.approx(12 * (280 * 10 + 20 * 20) / 1e6)
    (layer,) = found["layers"]
    assert (layer["verdict"], layer["gain"], layer["ratio"]["tokens"]) == ("no gain shown", 0, 2)
    assert layer["each"]["without"]["cost"] == pytest.approx(0.0011)
    server.will(*replies(12, shown=6, bare=6))
    shown = run(*ASK)
    assert "USD / 1,000" in shown.stdout
    assert "few_shot: ×2 tokens (+1.00 USD in 1,000 answers) for +0.0 ± 0.0: no gain shown" in " ".join(
        shown.stdout.split()
    )
    assert max(len(line) for line in shown.stdout.splitlines()) <= 80


def test_many_calls_need_a_yes(server: Server, run) -> None:
    many = (*ASK[:-1], "5")
    shown = run(*many)
    assert shown.exit_code == 2
    assert "nobody can be asked whether to go on: expected --yes, found up to 120 calls" in shown.stderr
    assert server.requests == []
    server.will(*[reply("1", tokens=9)] * 120)
    assert run(*many, "--yes").exit_code == 0
    assert len(server.requests) == 120


def test_a_picture_is_drawn(server: Server, project: Path, run) -> None:
    for name, begins in (("out.svg", b"<svg"), ("out.png", b"\x89PNG")):
        server.will(*replies(12, shown=12, bare=0))
        assert run(*ASK, "--plot", name).exit_code == 0
        assert (project / name).read_bytes().startswith(begins)


def test_what_failed_is_counted_apart(server: Server, run) -> None:
    said = replies(12, shown=12, bare=0)
    refused = failure(400, "no such thing")
    server.will(*(refused if place in (0, 4) else one for place, one in enumerate(said)))
    shown = run(*ASK)
    assert "2 requests failed and count as wrong. The first:" in shown.stderr
    assert "few_shot: ×2 tokens for +83.3" in shown.stdout
    assert "gain shown" in shown.stdout


def test_a_key_that_is_refused_ends_it_and_what_is_known_is_shown(server: Server, run) -> None:
    server.will(*replies(10, shown=10, bare=0), failure(401, "wrong key"))
    shown = run(*ASK)
    assert shown.exit_code == 1
    assert "few_shot: ×2 tokens for +100.0 ± 0.0: gain shown" in shown.stdout
    assert "20 answers" in shown.stdout
    assert "Traceback" not in shown.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["solv", "--cases", "cases.jsonl"], "there is no prompt 'solv'"),
        (["answer", "--cases", "cases.jsonl", "--model", "local"], "no layer is on, so there is nothing to switch off"),
        (["solve", "--cases", "cases.jsonl"], "no model that writes is configured"),
        (["solve", "--cases", "cases.jsonl", "--model", "lokal"], "there is no connector 'lokal'"),
        (["solve", "--cases", "case.jsonl"], "there is no such file"),
        (["solve", "--cases", "cases.jsonl", "--layer", "fewshot"], "Did you mean 'few_shot'?"),
        (["solve", "--cases", "cases.jsonl", "--plot", "a.pdf"], "is no kind of picture"),
        (["solve", "--cases", "cases.jsonl", "--plot", "gone/a.png"], "there is no such folder"),
        (["solve", "--cases", "broken.jsonl"], "broken.jsonl:2: is no JSON"),
    ],
)
def test_what_cannot_be_compared_is_said(
    arguments: list[str], words: str, project: Path, cases: str, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "--model" in arguments:
        monkeypatch.setenv("RAGSTONE_LOCAL_URL", "http://127.0.0.1:9/v1")
        monkeypatch.setenv("RAGSTONE_LOCAL_MODEL", "tiny")
    (project / "broken.jsonl").write_text('{"question": "a", "answer": 1}\n{"question": ')
    shown = run("prompt", "ablate", *arguments)
    assert shown.exit_code == 2
    assert words in shown.stderr
    assert "Traceback" not in shown.output


class Interrupting(list[Reply]):
    """Replies, of which the one that is silent interrupts whoever waits for it."""

    process: subprocess.Popen[str]

    def pop(self, *place: Any) -> Reply:
        found = super().pop(*place)
        if found.silent:
            self.process.send_signal(signal.SIGINT)
        return found


def test_ctrl_c_shows_what_is_known(server: Server, project: Path) -> None:
    server.replies = waiting = Interrupting([*replies(11, shown=11, bare=0), Reply(silent=True)])
    waiting.process = subprocess.Popen(
        [sys.executable, "-c", "from ragstone.cli import main; main()", *ASK],
        cwd=project,
        env=os.environ | {"COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, err = waiting.process.communicate(timeout=60)
    assert waiting.process.returncode == 130, err
    assert "few_shot: ×2 tokens for +100.0 ± 0.0: gain shown" in out
    assert "Interrupted after 22 of 24 answers." in err
    assert "Traceback" not in err
