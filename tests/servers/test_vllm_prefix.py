"""What Ragstone predicts of vLLM's prefix cache, beside what vLLM reports, as `benchmarks/prefix.py` prints it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.vllm

ROOT = Path(__file__).parents[2]
BLOCK = 32  # of the server that conftest.py starts


def test_nine_tenths_of_what_is_predicted_come_from_the_cache(vllm) -> None:
    command = [sys.executable, ROOT / "benchmarks/prefix.py", "--url", vllm.base_url, "--model", vllm.model]
    flags = ["--tokenizer", vllm.folder, "--block", str(BLOCK), "--salt", "--json"]
    shown = subprocess.run([*command, *flags], capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    figures = json.loads(shown.stdout.splitlines()[-1])
    assert figures["questions"] == 50
    assert figures["predicted"] > 50 * 256
    assert figures["observed"] >= 0.9 * figures["predicted"]
    assert figures["foreign"] == 0
