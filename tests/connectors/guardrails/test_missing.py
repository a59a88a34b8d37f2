"""Where Guardrails is not installed, as it is not beside openai 3."""

import subprocess
import sys
from pathlib import Path

import pytest

from ragstone.errors import MissingExtra
from ragstone.project import Project
from ragstone.registry import find

NAMED = """
import sys
import ragstone
from ragstone.registry import find
found = find("check", "guardrails")
assert found.runs_code
print([name for name in ("guardrails", "litellm", "openai", "numpy", "langchain_core") if name in sys.modules])
"""


def test_to_name_it_imports_nothing_of_it():
    done = subprocess.run([sys.executable, "-c", NAMED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("keys", [{"validators": ["a.B"]}, {"guard": "a.b"}])
def test_what_to_install_is_said(keys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "guardrails", None)
    with pytest.raises(MissingExtra, match=r"package 'guardrails'\. Run: pip install 'ragstone\[guardrails\]'"):
        find("check", "guardrails")(**keys)


def test_its_face_says_so_too(monkeypatch: pytest.MonkeyPatch):
    from ragstone.interop.guardrails import as_validator
    from ragstone.testing import ScriptedCheck

    monkeypatch.setitem(sys.modules, "guardrails", None)
    with pytest.raises(MissingExtra, match=r"ragstone\[guardrails\]"):
        as_validator(ScriptedCheck([True]))


def test_a_project_must_allow_it(tmp_path: Path):
    for folder in ("connectors", "pipelines", "prompts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.ragstone]\n")
    (tmp_path / "connectors/theirs.yaml").write_text("kind: check\ntype: guardrails\nvalidators: [a.B]\n")
    (fault,) = map(str, Project(tmp_path).faults())
    assert "theirs.yaml:2" in fault
    assert "'guardrails' runs code that this file names, and the project does not allow that" in fault
