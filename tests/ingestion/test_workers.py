"""What a hostile file can do: nothing to others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import odd_worker
from ragstone.errors import ParseError
from ragstone.ingestion.workers import Here, Workers


def told(words: str, *, timeout: float = 60.0) -> str:
    workers = Workers(timeout=timeout, command=odd_worker.COMMAND)
    (part,) = workers.read(b"\x7fELF\0" + words.encode(), "odd.o")
    assert part.parsed is not None
    return part.parsed.text


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("grow", r"odd\.o: needed more than 1\.0 GB of memory"),
        ("crash", r"odd.o: its parser crashed \(signal 11\)"),
        ("connect", "a file may not reach the network"),
    ],
)
def test_what_a_file_does_to_its_parser_is_said_and_the_next_file_is_read(words: str, reason: str):
    with pytest.raises(ParseError, match=reason):
        told(words)
    assert told("well").startswith("did well")


def test_a_file_that_takes_too_long_is_stopped():
    with pytest.raises(ParseError, match=r"took longer than 0\.5 s"):
        told("sleep", timeout=0.5)
    assert told("well").startswith("did well")


def test_what_a_parser_prints_stands_in_nobodys_way():
    assert told("print").startswith("did print")


def test_processes_are_kept_and_shared_by_many_threads():
    gate = threading.Barrier(8)

    def read(number: int) -> str:
        gate.wait()
        return told(f"x{number}")

    with ThreadPoolExecutor(8) as threads:
        said = list(threads.map(read, range(8)))
    assert [one.split()[1] for one in said] == [f"x{number}" for number in range(8)]
    assert len({one.split()[3] for one in said}) <= 4


def test_a_worker_reads_as_this_process_does():
    files = {
        "a.md": "# Größe\n\n| a | b |\n|---|---|\n| 1 | 2 |\n".encode(),
        "a.txt": "Köder".encode("cp1252"),
        "a.html": b"<title>T</title><h1>H</h1><p>words",
    }
    for uri, data in files.items():
        assert Workers().read(data, uri) == Here().read(data, uri)
    for reader in (Workers(), Here()):
        with pytest.raises(ParseError, match=r"^a\.o: is a program: not supported: expected one of"):
            reader.read(b"\x7fELF\0", "a.o")


def test_a_worker_ends_with_its_parent_however_that_ends():
    script = (
        "import os, sys, threading; sys.path[:0] = sys.argv[1:]; import odd_worker\n"
        "from ragstone.ingestion.workers import Workers\n"
        "workers = Workers(command=odd_worker.COMMAND)\n"
        "print(workers.read(b'\\x7fELF\\0well', 'odd.o')[0].parsed.text.split()[-1], flush=True)\n"
        "threading.Thread(target=workers.read, args=(b'\\x7fELF\\0sleep', 'odd.o'), daemon=True).start()\n"
        "sys.stdin.read()\n"
    )
    support = str(Path(odd_worker.__file__).parent)
    with subprocess.Popen(
        [sys.executable, "-c", script, support], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    with pytest.raises(ChildProcessError):
        os.waitpid(worker, 0)  # it is nobody's child here
    gone = subprocess.run(["tail", f"--pid={worker}", "-f", "/dev/null"], timeout=30, check=False)
    assert gone.returncode == 0
