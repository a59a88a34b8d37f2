"""`ragstone serve`, as a real process."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from http.client import HTTPResponse
from pathlib import Path

import pytest

import held_upstream

SLOW = re.compile(r"cache: the cache is left alone for now.*: it took longer than [0-9]+ ms")
"""What a machine that is busy has it say, and rightly."""
OPEN = "There are no keys: callers on this machine alone are answered, whatever bearer they send."


def test_it_answers_while_documents_are_ingested_and_ends_on_ctrl_c(ingested: Path, run):
    command = [sys.executable, "-m", "ragstone", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=ingested, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            address = server.stderr.readline().split(" on ")[1].split()[0]
            assert server.stderr.readline().strip() == OPEN
            assert "3 May 2031" in ask(address)["text"]
            path = ingested / "documents" / "halibut.md"
            path.write_text(path.read_text().replace("2031", "2032"))
            assert run("ingest").exit_code == 0
            assert "3 May 2032" in ask(address)["text"]
            server.send_signal(signal.SIGINT)
            _, said = server.communicate(timeout=30)
            others = [line for line in said.splitlines() if not SLOW.fullmatch(line)]
            assert (server.returncode, others) == (0, [])
        finally:
            server.kill()


def test_a_stream_that_does_not_end_is_cut_off_after_the_grace(ingested: Path, monkeypatch: pytest.MonkeyPatch):
    with held_upstream.serving() as upstream:
        monkeypatch.setenv("RAGSTONE_LOCAL_URL", upstream.url)
        monkeypatch.setenv("RAGSTONE_LOCAL_MODEL", "held")
        answer = ingested / "pipelines" / "answer.yaml"
        answer.write_text(re.sub("models: .*]", "models: [local]", answer.read_text()))
        command = [sys.executable, "-m", "ragstone", "serve", "--port", "0", "--grace", "1"]
        with subprocess.Popen(command, cwd=ingested, stderr=subprocess.PIPE, text=True) as server:
            try:
                assert server.stderr is not None
                address = server.stderr.readline().split(" on ")[1].split()[0]
                upstream.hold()
                with opened(address, stream=True) as response:
                    assert response.readline().startswith(b"event: ")
                    upstream.held.acquire()
                    server.send_signal(signal.SIGTERM)
                    server.wait(timeout=60)  # and the model has not said its last word yet
            finally:
                server.kill()


def test_with_watch_an_edited_document_counts_without_a_command(ingested: Path):
    command = [sys.executable, "-m", "ragstone", "serve", "--port", "0", "--watch"]
    with subprocess.Popen(command, cwd=ingested, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            address = server.stderr.readline().split(" on ")[1].split()[0]
            path = ingested / "documents" / "halibut.md"
            path.write_text(path.read_text().replace("2031", "2032"))
            for line in server.stderr:  # it says when it has ingested them
                if "Documents were edited: 0 added, 1 changed" in line:
                    break
            assert "3 May 2032" in ask(address)["text"]
        finally:
            server.kill()


def ask(address: str) -> dict[str, object]:
    with opened(address) as response:
        return json.load(response)


def opened(address: str, **more: object) -> HTTPResponse:
    request = urllib.request.Request(
        f"{address}/api/ask",
        data=json.dumps({"question": "When does the halibut project ship?", **more}).encode(),
        headers={"content-type": "application/json"},
    )
    return urllib.request.urlopen(request, timeout=60)


def test_a_port_that_is_taken_is_one_line_and_code_2(project: Path, run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        shown = run("serve", "--port", taken.getsockname()[1])
    assert shown.exit_code == 2
    (line,) = shown.stderr.strip().splitlines()
    assert "cannot listen on 127.0.0.1" in line
