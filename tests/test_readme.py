"""The README shows what a newcomer will see, and its Python runs."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
HALIBUT = "# Halibut\n\nThe halibut project ships on 3 May 2031. Its lead is Ana Ruiz.\n"


def script():
    spec = importlib.util.spec_from_file_location("readme", ROOT / "docs" / "readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("name", ["transcript", "explain", "benchmarks"])
def test_what_is_shown_is_that_of_a_real_run(name: str):
    if not (ROOT / ".venv").exists():
        pytest.skip("needs .venv, which `make test` makes")
    readme = script()
    assert readme.comparable(readme.BLOCKS[name]()) == readme.comparable(readme.shown(name))


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL))
def test_every_python_block_runs(code: str, tmp_path: Path):
    prepare = "from ragstone.cli import main; import sys; sys.argv = ['ragstone', 'init', 'mydocs']; main()"
    subprocess.run([sys.executable, "-c", prepare], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "mydocs" / "documents" / "halibut.md").write_text(HALIBUT)
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "halibut.md").write_text(HALIBUT)
    shown = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert "3 May 2031" in shown.stdout


def test_every_link_leads_somewhere():
    prose = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", prose):
        assert (ROOT / target).exists(), target
