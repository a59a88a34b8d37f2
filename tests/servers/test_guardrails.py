"""The guardrails connector, its face and its limits, in the environment that has Guardrails."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from elsewhere import GUARDRAILS

pytestmark = pytest.mark.servers

HERE = Path(__file__).parent


def test_it_does_what_every_check_does_and_says_what_it_cannot(tmp_path: Path) -> None:
    assert GUARDRAILS.passed(HERE / "guardrails_tests.py", tmp_path) >= 80


def test_its_limits_are_handled(tmp_path: Path) -> None:
    assert GUARDRAILS.passed(HERE / "guardrails_limits.py", tmp_path) >= 20


NLTK = """
class data:
    path = []
    def find(name):
        import os
        for folder in data.path:
            if os.path.isdir(os.path.join(folder, name)):
                return
        raise LookupError(name)
def download(name):
    import socket
    try:
        socket.create_connection(("raw.githubusercontent.com", 443), timeout=0.1)
    except OSError:
        pass
"""
"""As much of NLTK as Guardrails asks when it is imported."""


@pytest.mark.parametrize("whose", ["ours", "theirs"])
def test_nothing_is_looked_up_and_nobody_is_told(whose: str, tmp_path: Path) -> None:
    """`theirs` shows that the same steps without us do look up: else this would show nothing."""
    (tmp_path / "nltk").mkdir()
    (tmp_path / "nltk/__init__.py").write_text(NLTK)
    done = subprocess.run(
        [GUARDRAILS.here(), HERE / "guardrails_quiet.py", whose, tmp_path],
        env=GUARDRAILS.environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told["passed"] is False
    if whose == "ours":
        assert told["seen"] == []
    else:
        assert any("githubusercontent" in each for each in told["seen"])


def test_our_checks_work_inside_a_guard(tmp_path: Path) -> None:
    assert GUARDRAILS.passed(HERE / "guardrails_face_tests.py", tmp_path) >= 13


def test_a_project_uses_it(tmp_path: Path) -> None:
    assert GUARDRAILS.passed(HERE / "guardrails_project_tests.py", tmp_path) >= 3
