"""The cross_encoder connector and the suite of its protocol, in the environment with torch."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from servers import missing

pytestmark = pytest.mark.vllm

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PYTHON = Path(os.environ.get("RAGSTONE_TORCH_PYTHON", ROOT / ".venv-vllm/bin/python"))
PYTEST = "import sys; sys.path.append(sys.argv.pop(1)); import pytest; sys.exit(pytest.main(sys.argv[1:]))"
"""pytest itself comes from this environment, last on the path: all else is that environment's own."""
INI = "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"


def test_it_passes_its_suite_with_a_real_model(tmp_path: Path) -> None:
    if not PYTHON.exists():
        missing("the environment with torch", "make test-vllm makes it.")
    model = tmp_path / "model"
    maker = HERE / "make_tiny_cross_encoder.py"
    subprocess.run([PYTHON, maker, model, *sorted(ROOT.glob("docs/*.md"))], check=True, timeout=300)
    (tmp_path / "pytest.ini").write_text(INI)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, [ROOT / "src", ROOT / "tests/support", HERE])),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "TINY_CROSS_ENCODER": str(model),
    }
    options = [
        "-q",
        "--noconftest",
        "-p",
        "pytest_asyncio.plugin",
        "-p",
        "no:cacheprovider",
        "-c",
        tmp_path / "pytest.ini",
    ]
    command = [PYTHON, "-c", PYTEST, sysconfig.get_paths()["purelib"], *options, HERE / "cross_encoder_tests.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed, done.stdout
    assert int(passed[1]) >= 18
