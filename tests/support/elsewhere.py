"""Environments that hold packages which do not agree with ours, and how a file of tests is run in one of them."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from servers import missing

__all__ = ["CLIENTS", "EVALS", "GUARDRAILS", "Elsewhere"]

ROOT = Path(__file__).parents[2]
PYTEST = "import sys; sys.path.append(sys.argv.pop(1)); import pytest; sys.exit(pytest.main(sys.argv[1:]))"
"""pytest itself comes from this environment, last on the path, with what Ragstone needs: all else is of that one."""
INI = """[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings =
    error
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """One such environment. Warnings are errors there too, but for those that `ignored` names; `told` is its own."""

    packages: str
    python: Path
    ignored: tuple[str, ...]
    told: Mapping[str, str] = field(default_factory=dict[str, str])
    patience: float = 300.0  # seconds for a file of tests

    def here(self) -> Path:
        """Its Python; the test is skipped, or fails, where there is none."""
        if not self.python.exists():
            missing(f"the environment with {self.packages}", "make test-servers makes it.")
        return self.python

    def environment(self, home: Path) -> dict[str, str]:
        """What a process there is told. Its home holds no settings, so telemetry would be on."""
        path = os.pathsep.join(map(str, [ROOT / "src", ROOT / "tests/support", ROOT / "tests/servers"]))
        kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}  # it imports much
        more = {"PYTHONPATH": path, "HOME": str(home), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return {**kept, **self.told, **more}

    def passed(self, file: Path, folder: Path) -> int:
        """Runs a file of tests there, and gives how many have passed. Raises AssertionError where one fails."""
        (folder / "pytest.ini").write_text(INI + "".join(f"    ignore:::{one}\n" for one in self.ignored))
        options = ["-q", "--noconftest", "-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider"]
        command = [self.here(), "-c", PYTEST, sysconfig.get_paths()["purelib"], *options]
        done = subprocess.run(
            [*command, "-c", folder / "pytest.ini", file],
            cwd=folder,
            env=self.environment(folder),
            capture_output=True,
            text=True,
            timeout=self.patience,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        found = re.search(r"(\d+) passed", done.stdout)
        assert found, done.stdout
        return int(found[1])


GUARDRAILS = Elsewhere(
    packages="Guardrails",
    python=Path(os.environ.get("RAGSTONE_GUARDRAILS_PYTHON", ROOT / ".venv-guardrails/bin/python")),
    ignored=("guardrails", "typer"),
)

EVALS = Elsewhere(
    packages="MLflow, RAGAS and DeepEval",
    python=Path(os.environ.get("RAGSTONE_EVALS_PYTHON", ROOT / ".venv-evals/bin/python")),
    ignored=("mlflow", "ragas", "deepeval", "(?!ragstone)"),
    told={"RAGAS_DO_NOT_TRACK": "true", "DEEPEVAL_TELEMETRY_OPT_OUT": "1"},  # MLflow's the export has to switch off
    patience=500.0,
)

CLIENTS = Elsewhere(
    packages="LangChain's and LlamaIndex's clients of OpenAI",
    python=Path(os.environ.get("RAGSTONE_CLIENTS_PYTHON", ROOT / ".venv-clients/bin/python")),
    ignored=("(?!ragstone)",),
)
