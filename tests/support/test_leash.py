from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

LEASH = Path(__file__).with_name("leash.py")
PARENT_AND_CHILD = "cat /dev/zero >/dev/null & echo started; wait"


def test_letting_go_ends_the_command_and_its_children() -> None:
    command = [sys.executable, LEASH, "sh", "-c", PARENT_AND_CHILD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as leash:
        assert leash.stdin is not None
        assert leash.stdout is not None
        assert leash.stdout.readline() == b"started\n"
        leash.stdin.close()
        assert leash.stdout.read() == b""  # ends only when every process that holds the pipe has ended
        assert leash.wait() != 0


def test_a_word_kills_the_command_and_its_children() -> None:
    command = [sys.executable, LEASH, "sh", "-c", f"trap '' TERM; {PARENT_AND_CHILD}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as leash:
        assert leash.stdin is not None
        assert leash.stdout is not None
        assert leash.stdout.readline() == b"started\n"
        leash.stdin.write(b"k")
        leash.stdin.flush()
        assert leash.stdout.read() == b""
        assert leash.wait() == -signal.SIGKILL % 256


def test_a_signal_to_the_test_runs_group_leaves_nothing_running() -> None:
    command = [sys.executable, LEASH, "sh", "-c", PARENT_AND_CHILD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as leash:
        assert leash.stdin is not None
        assert leash.stdout is not None
        assert leash.stdout.readline() == b"started\n"
        leash.terminate()
        leash.stdin.close()
        assert leash.wait() != -signal.SIGTERM
        assert leash.stdout.read() == b""


def test_a_command_that_ends_by_itself_hands_on_its_status() -> None:
    command = [sys.executable, LEASH, "sh", "-c", "exit 3"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as leash:
        assert leash.wait() == 3
