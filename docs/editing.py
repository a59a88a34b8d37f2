"""Writes what the commands of docs/edit-a-prompt.md print, from a real run of the page in a new project.

    python docs/editing.py            # or: make docs
    python docs/editing.py --check    # exits with 1 when the page shows something else

The page is run from top to bottom. In a `console` block each line `$ …` is a command, and each line `› …` is typed into
it; a `diff` block is an edit of prompts/answer.prompty. `<!-- serve -->` starts a service, whose window is shown by the
block with `$ ragstone serve`. `<!-- show: from "…" -->` leaves out what a command prints before these words.

The one model is a server on this machine that says what stands here.
"""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from openai_server import Reply, Server, completion, piece, serving, streamed  # noqa: E402

PAGE = Path(__file__).with_name("edit-a-prompt.md")
PROMPT = "prompts/answer.prompty"
TRAVEL = "# Travel rules\n\nFirst class is allowed on train journeys of more than four hours.\n"
QUESTION = "When is first class allowed?"
PORT = 8321  # what a service listens on; the run takes a free one

BLOCK = re.compile(
    r'(?:<!-- (?P<what>serve|show: from "(?P<begin>[^"]*)") -->\n)?```(?P<language>diff|console)\n(?P<inside>.*?)^```$',
    re.DOTALL | re.MULTILINE,
)
STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
WAITING = re.compile(r"(Reading the prompt|Rewriting) …\s*")
OBEYED = {"code": "q7f3-x81k-0d52"}

SENTENCE = "- Begin with the answer itself, in one to three sentences. Go on only where the question asks for more.\n"
CLEARER = (
    "- Begin with the answer itself, in one to three sentences that a new colleague understands. Explain a term\n"
    "  of the documents where it first occurs.\n"
)
CONTRADICTION = "- Where passages contradict each other, give both statements and say that they differ.\n"
ASK = "- Where passages contradict each other, give both statements, say that they differ, and name whom to ask.\n"
WEAKNESSES = ["'Go on only where the question asks for more' leaves open how a question asks for more."]
QUESTIONS = ["Who reads the answers?"]


def replies(words: str) -> Iterator[Reply]:
    """What the model says: first to the probe of the connector, then in each round."""
    assert SENTENCE in words
    assert CONTRADICTION in words
    clearer = words.replace(SENTENCE, CLEARER)
    yield completion(json.dumps(OBEYED))
    for weaknesses, questions, prompt in (
        (WEAKNESSES, QUESTIONS, words),
        ([], [], clearer),
        ([], [], clearer.replace(CONTRADICTION, ASK)),
    ):
        text = json.dumps({"weaknesses": weaknesses, "questions": questions, "prompt": prompt})
        yield streamed(piece(text), piece(finish_reason="stop"))


class Run:
    """The page, run in a project of its own."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.project, self.server = folder / "mydocs", server
        self.service: subprocess.Popen[bytes] | None = None
        self.said = folder / "service.txt"  # what it prints
        self.address = ""
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "COLUMNS": "80",
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        self.shell("ragstone init mydocs", folder)
        (self.project / "documents" / "travel.md").write_text(TRAVEL, encoding="utf-8")
        self.shell("ragstone ingest")
        self.shell("git init --quiet")
        self.shell("git add .")
        self.shell("git -c user.name=Ann -c user.email=ann@example.org commit --quiet -m Begin")

    def shell(self, command: str, folder: Path | None = None) -> str:
        """What a command prints."""
        shown = subprocess.run(
            shlex.split(command),
            cwd=folder or self.project,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if shown.returncode and " lint " not in command:
            raise SystemExit(f"{command} failed:\n{shown.stdout}")
        return shown.stdout

    def block(self, found: re.Match[str]) -> str:
        """The same block with what its commands print now."""
        if found["what"] == "serve":
            self.serve()
        if found["language"] == "diff":
            self.edit(found["inside"])
            return found[0]
        lines = found["inside"].splitlines()
        commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        typed = [line.removeprefix("› ") for line in lines if line.startswith("› ")]
        printed = "".join(f"$ {command}\n{self.printed(command, typed, found['begin'])}\n" for command in commands)
        return found[0].replace(f"console\n{found['inside']}", f"console\n{printed}")

    def printed(self, command: str, typed: list[str], begin: str | None) -> str:
        if command == "ragstone serve":
            text = self.window()
        elif typed:
            text = self.talk(command, typed)
        else:
            text = self.shell(command)
        text = text.replace(f"{self.project}{os.sep}", "")
        if begin is not None:
            assert begin in text, f"{command} does not print {begin!r}:\n{text}"
            text = f"…\n{text[text.index(begin) :]}"
        return "\n".join(line.rstrip() for line in text.strip().splitlines())

    def edit(self, change: str) -> None:
        """Replaces the lines with a minus by those with a plus."""
        old, new = ("".join(f"{line[1:]}\n" for line in change.splitlines() if line[0] == sign) for sign in "-+")
        path = self.project / PROMPT
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{PROMPT} does not hold this once:\n{old}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    # ── A service ────────────────────────────────────────────────────────────────────────────────────────────────────

    def serve(self) -> None:
        command = ["ragstone", "serve", "--port", "0"]
        with self.said.open("w", encoding="utf-8") as said:
            self.service = subprocess.Popen(command, cwd=self.project, env=self.environment, stderr=said)
        while not (found := re.findall(r"http://\S+(?= )", self.said.read_text(encoding="utf-8"))):
            if self.service.poll() is not None:
                raise SystemExit(f"the service has ended:\n{self.said.read_text(encoding='utf-8')}")
            time.sleep(0.05)
        self.address = found[0]
        self.ask()

    def ask(self) -> None:
        body = json.dumps({"question": QUESTION}).encode()
        headers = {"content-type": "application/json"}
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.address}/api/ask", body, headers), timeout=60
        ) as answered:
            assert json.load(answered)["text"]

    def window(self) -> str:
        """What the service has printed once it was asked again; then it is stopped."""
        assert self.service is not None
        self.ask()
        self.service.terminate()
        self.service.wait(timeout=60)
        text = self.said.read_text(encoding="utf-8").replace(self.address, f"http://127.0.0.1:{PORT}")
        return "\n".join(line for line in text.splitlines() if "Shutting down" not in line)

    # ── A dialogue ───────────────────────────────────────────────────────────────────────────────────────────────────

    def talk(self, command: str, typed: list[str]) -> str:
        """What a person sees who types these lines."""
        words = (self.project / PROMPT).read_text(encoding="utf-8").split("\n---\n", 1)[1]
        self.server.will(*replies(words))
        mine, theirs = pty.openpty()
        environment = {
            **self.environment,
            "RAGSTONE_LOCAL_URL": self.server.url,
            "RAGSTONE_LOCAL_MODEL": "scripted",
        }
        process = subprocess.Popen(
            shlex.split(command), cwd=self.project, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        seen = b""
        waiting = list(typed)
        try:
            while found := _read(mine):
                seen += found
                if waiting and seen.endswith("› ".encode()):
                    os.write(mine, f"{waiting.pop(0)}\n".encode())
        finally:
            os.close(mine)
        if process.wait(timeout=60) or waiting:
            raise SystemExit(f"{command} failed:\n{seen.decode(errors='replace')}")
        text = STEERING.sub("", seen.decode().replace("\r\n", "\n").replace("\r", ""))
        return WAITING.sub("", text)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the program has ended
        return b""


def page() -> str:
    """The page as it should be."""
    with tempfile.TemporaryDirectory() as folder, serving() as server:
        run = Run(Path(folder).resolve(), server)
        try:
            return BLOCK.sub(run.block, PAGE.read_text(encoding="utf-8"))
        finally:
            if run.service is not None and run.service.poll() is None:
                run.service.kill()
                run.service.wait()


def main() -> None:
    made = page()
    if "--check" in sys.argv:
        if made != PAGE.read_text(encoding="utf-8"):
            raise SystemExit("docs/edit-a-prompt.md shows something else. Run: make docs")
        return
    PAGE.write_text(made, encoding="utf-8")
    print("docs/edit-a-prompt.md")


if __name__ == "__main__":
    main()
