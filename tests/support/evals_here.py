"""Where MLflow, RAGAS and DeepEval are installed, and how a file of tests is run there."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from pathlib import Path

from servers import missing

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("RAGSTONE_EVALS_PYTHON", ROOT / ".venv-evals/bin/python"))
PYTEST = "import sys; sys.path.append(sys.argv.pop(1)); import pytest; sys.exit(pytest.main(sys.argv[1:]))"
"""pytest itself comes from this environment, last on the path, with what Ragstone needs: all else is of that one."""
QUIET = {"RAGAS_DO_NOT_TRACK": "true", "DEEPEVAL_TELEMETRY_OPT_OUT": "1"}
INI = """[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings =
    error
    ignore:::mlflow
    ignore:::ragas
    ignore:::deepeval
    ignore:::(?!ragstone)
"""


def here() -> Path:
    """The Python that has them; the test is skipped, or fails, where there is none."""
    if not PYTHON.exists():
        missing("the environment with MLflow, RAGAS and DeepEval", "make test-servers makes it.")
    return PYTHON


def environment(home: Path) -> dict[str, str]:
    """What a process there is told. MLflow's telemetry is left to the export, which has to switch it off."""
    path = os.pathsep.join(map(str, [ROOT / "src", ROOT / "tests/support", ROOT / "tests/servers"]))
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}  # it imports much
    more = {"PYTHONPATH": path, "HOME": str(home), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return {**kept, **QUIET, **more}


def passed(file: Path, folder: Path) -> int:
    """Runs a file of tests there, and gives how many have passed. Raises AssertionError where one fails."""
    (folder / "pytest.ini").write_text(INI)
    options = ["-q", "--noconftest", "-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider"]
    command = [here(), "-c", PYTEST, sysconfig.get_paths()["purelib"], *options, "-c", folder / "pytest.ini", file]
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    found = re.search(r"(\d+) passed", done.stdout)
    assert found, done.stdout
    return int(found[1])
