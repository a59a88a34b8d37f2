"""Writes what `ragstone prompt ablate` prints into docs/ablation.md, from a real run with a model of known skill.

    python docs/ablating.py            # or: make docs
    python docs/ablating.py --check    # exits with 1 when the page shows something else

The model is a server on this machine. It is right in 75 of 100 cases where it was shown an example, in 55 where not,
and steps change nothing: so the page shows a layer that gains, and one that does not.
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
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import ClassVar

PAGE = Path(__file__).with_name("ablation.md")
BLOCK = re.compile(
    r"```console\n\$ (?P<command>ragstone prompt ablate[^\n]*)\n(?P<shown>.*?)^```$", re.DOTALL | re.MULTILINE
)
SHOWN, BARE = 0.75, 0.55
CASES = 100
EXAMPLE = {"inputs": {"question": "How much is 20 + 22?"}, "rationale": "20 + 22 = 42.", "output": "42", "gold": True}
PROMPT = """\
---
name: solve
inputs: [{name: question, kind: string, required: true}]
model: {options: {temperature: 0.7, maxOutputTokens: 200}}
metadata:
  ragstone:
    layers:
      few_shot: {on: true, file: examples/sums.jsonl, k: 1}
      cot: {on: true}
---
user:
{{ question }}
"""


class Skilled(BaseHTTPRequestHandler):
    """Answers sums, by chance made of what is asked and how often that was asked before."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar = Counter[str]()
    one: ClassVar = threading.Lock()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = self._said(body["messages"])
        read = sum(len(message["content"].split()) for message in body["messages"])
        usage = {"prompt_tokens": read, "completion_tokens": len(said.split())}
        events = [
            {"choices": [{"index": 0, "delta": {"content": said}, "finish_reason": "stop"}]},
            {"choices": [], "usage": usage},
        ]
        data = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data.encode())

    def _said(self, messages: list[dict[str, str]]) -> str:
        text = json.dumps(messages)
        with self.one:
            self.asked[text] += 1
            drawn = hashlib.sha256(f"{text}{self.asked[text]}".encode()).digest()
        first, second = map(int, re.findall(r"(\d+) \+ (\d+)", messages[-1]["content"])[0])
        right = int.from_bytes(drawn[:4], "big") / 2**32 < (SHOWN if len(messages) > 1 else BARE)
        total = first + second if right else first + second + 1
        return f"{first} + {second} = {total}.\nAnswer: {total}" if "step" in messages[-1]["content"] else str(total)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def serving() -> Iterator[str]:
    """The address of the model."""
    Skilled.asked.clear()
    http = ThreadingHTTPServer(("127.0.0.1", 0), Skilled)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}/v1"
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def write(project: Path, environment: dict[str, str]) -> None:
    """A project with the prompt, its example, and questions that are drawn by lot once and for all."""
    subprocess.run(
        ["ragstone", "init", str(project), "--model", "local"], env=environment, check=True, capture_output=True
    )
    (project / "prompts" / "examples").mkdir(exist_ok=True)
    (project / "prompts" / "examples" / "sums.jsonl").write_text(json.dumps(EXAMPLE), encoding="utf-8")
    (project / "prompts" / "solve.prompty").write_text(PROMPT, encoding="utf-8")
    local = project / "connectors" / "local.yaml"
    priced = re.sub(
        r"^price: .*$", "price: {input: 0.5, output: 2}", local.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    local.write_text(priced, encoding="utf-8")
    draw = Random(1)
    sums = [(draw.randint(100, 999), draw.randint(100, 999)) for _ in range(CASES)]
    rows = [json.dumps({"question": f"How much is {one} + {other}?", "answer": one + other}) for one, other in sums]
    (project / "cases.jsonl").write_text("\n".join(rows), encoding="utf-8")


def page() -> str:
    """The page as it should be."""

    def anew(block: re.Match[str]) -> str:
        with tempfile.TemporaryDirectory() as folder, serving() as url:
            environment = {
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "HOME": folder,
                "LANG": "C.UTF-8",
                "TERM": "dumb",
                "COLUMNS": "80",
                "RAGSTONE_LOCAL_URL": url,
                "RAGSTONE_LOCAL_MODEL": "skilled",
            }
            project = Path(folder).resolve() / "mydocs"
            write(project, environment)
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

    return BLOCK.sub(anew, PAGE.read_text(encoding="utf-8"), count=1)


if __name__ == "__main__":
    wanted = page()
    if "--check" in sys.argv:
        raise SystemExit(wanted != PAGE.read_text(encoding="utf-8") and "docs/ablation.md is stale. Run: make docs")
    PAGE.write_text(wanted, encoding="utf-8")
