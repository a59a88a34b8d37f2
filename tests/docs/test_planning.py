"""The page on local models shows what `ragstone model plan` prints, and the GPUs that it knows."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from ragstone.inference.serving.gpus import GPUS
from ragstone.inference.serving.quantization import METHODS
from ragstone.inference.serving.sizes import gib

DOCS = Path(__file__).parents[2] / "docs"
PLANNING = runpy.run_path(str(DOCS / "planning.py"))
TEXT = (DOCS / "local-models.md").read_text(encoding="utf-8")


def test_the_page_shows_what_the_commands_print() -> None:
    assert len(PLANNING["BLOCK"].findall(TEXT)) == 3
    assert PLANNING["page"]() == TEXT, "Run: make docs"


def test_the_page_names_every_gpu_with_its_memory() -> None:
    rows = re.findall(r"^\| `(\S+)` \| ([\d.]+ GiB) \|$", TEXT, re.MULTILINE)
    assert rows == [(name, gib(gpu.memory)) for name, gpu in sorted(GPUS.items(), key=lambda one: one[1].memory)]


def test_the_page_names_every_quantisation_with_its_bytes() -> None:
    rows = re.findall(r"^\| (`\S+`(?:, `\S+`)*) \| ([\d.]+) \| ([^|]+) \|$", TEXT, re.MULTILINE)
    said = {
        name.strip(" `"): (size, maker.startswith("vLLM")) for names, size, maker in rows for name in names.split(",")
    }
    shown = {name: (f"{one.bytes:.2g}", one.flag is not None) for name, one in METHODS.items()}
    assert said == shown
