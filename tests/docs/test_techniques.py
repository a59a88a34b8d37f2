"""The pages on techniques show what `ragstone prompt explain` prints."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from ragstone.prompts.schema import Layers

DOCS = Path(__file__).parents[2] / "docs"
TECHNIQUES = runpy.run_path(str(DOCS / "techniques.py"))
SHOWN = "\n".join(
    found["front"] for path in DOCS.glob("*.md") for found in TECHNIQUES["SWITCHED"].finditer(path.read_text())
)


@pytest.mark.slow
def test_every_page_shows_what_explain_prints() -> None:
    stale = [path.name for path, text, wanted in TECHNIQUES["pages"]() if text != wanted]
    assert stale == [], "Run: make docs"


@pytest.mark.parametrize("layer", [*sorted(set(Layers.model_fields) - {"few_shot"}), "persona"])
def test_every_layer_has_a_page_that_switches_it_on(layer: str) -> None:
    assert f" {layer}: {{on: " in SHOWN
