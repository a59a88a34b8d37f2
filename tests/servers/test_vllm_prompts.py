"""Prompt tests with a real vLLM. Its model is random, so only what is bound to a form can pass."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.vllm

RAGSTONE = [sys.executable, "-c", "from ragstone.cli import main; main()"]
PROMPT = """---
name: {name}
description: Says how a text feels.
model:
  options: {{temperature: {temperature}, maxOutputTokens: 60}}
inputs:
  - {{name: text, kind: string, required: true}}
{outputs}metadata:
  ragstone:
    tests: tests/{name}.yaml
---
system:
You say how a text feels.

user:
{{{{ text }}}}
"""
OUTPUTS = """outputs:
  - {name: feeling, enumValues: [good, bad]}
  - {name: sure, kind: boolean}
"""
CASES = """cases:
  - name: has the form
    inputs: {text: What a lovely shop!}
    sent: [contains: What a lovely shop!]
    expect:
      - json_schema:
          properties: {feeling: {enum: [good, bad]}, sure: {type: boolean}}
          required: [feeling, sure]
          additionalProperties: false
"""


@pytest.mark.parametrize("temperature", [0, 0.9])
def test_cases_of_a_form_pass_and_those_of_free_text_fail(vllm, temperature: float, tmp_path: Path) -> None:
    project = tmp_path / "mine"
    environment = {**os.environ, "RAGSTONE_LOCAL_URL": vllm.base_url, "RAGSTONE_LOCAL_MODEL": vllm.model}

    def ragstone(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [*RAGSTONE, *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240)

    def tested(name: str, outputs: str, cases: str) -> tuple[int, dict[str, Any]]:
        text = PROMPT.format(name=name, temperature=temperature, outputs=outputs)
        (project / "prompts" / f"{name}.prompty").write_text(text)
        (project / "prompts" / "tests" / f"{name}.yaml").write_text(cases)
        done = ragstone("prompt", "test", name, "--repeats", "5", "--project", project, "--json")
        found = json.loads(done.stdout)
        assert found["model"] == "local"
        return done.returncode, found["cases"][0]

    assert ragstone("init", project, "--model", "local").returncode == 0
    code, case = tested("formed", OUTPUTS, f"{CASES}      - schema: true\n")
    assert (code, case["outcome"], case["passed"], case["runs"]) == (0, "passed", 5, 5), case
    assert case["interval"] == [0.5655, 1.0]
    code, case = tested("free", "", CASES)
    assert (code, case["outcome"], case["passed"], case["runs"]) == (1, "failed", 0, 5), case
    assert case["failure"]["check"] == "json_schema"
