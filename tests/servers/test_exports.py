"""Exports of runs, in the environment that has MLflow, RAGAS and DeepEval."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from elsewhere import EVALS

pytestmark = pytest.mark.servers

HERE = Path(__file__).parent


def test_they_are_read_by_whom_they_are_for(tmp_path: Path) -> None:
    assert EVALS.passed(HERE / "exports_tests.py", tmp_path) >= 15


@pytest.mark.parametrize("whose", ["ours", "theirs"])
def test_nobody_is_told_of_an_export(whose: str, tmp_path: Path) -> None:
    """`theirs` shows that MLflow looks somebody up unless it is told not to: else this would show nothing."""
    environment = {key: value for key, value in EVALS.environment(tmp_path).items() if key not in ("CI", "BUILD_ID")}
    for name in [name for name in environment if name.startswith(("PYTEST_", "GITHUB_"))]:
        del environment[name]
    done = subprocess.run(
        [EVALS.here(), HERE / "exports_quiet.py", whose, tmp_path],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])["seen"]
    assert seen == [] if whose == "ours" else any("mlflow" in one for one in seen), seen
