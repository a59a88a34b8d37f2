from __future__ import annotations

import json
from typing import Any

import pytest

from ragstone.ingestion.parsers.ipynb import NotebookParser
from ragstone.types import Parsed


def parsed(notebook: Any) -> Parsed:
    text = notebook if isinstance(notebook, str) else json.dumps(notebook)
    return NotebookParser().parse(text.encode(), uri="a/fish.ipynb")


def notebook(*cells: dict[str, Any]) -> dict[str, Any]:
    return {"nbformat": 4, "metadata": {"language_info": {"name": "python"}}, "cells": list(cells)}


def test_cells_follow_each_other_as_markdown() -> None:
    found = parsed(
        notebook(
            {"cell_type": "markdown", "source": ["# Fish\n", "\n", "|a|b|\n|-|-|\n|1|2|"]},
            {
                "cell_type": "code",
                "source": "# no heading\nprint(3)",
                "outputs": [
                    {"output_type": "stream", "text": ["\x1b[31m3\x1b[0m\n"]},
                    {"output_type": "execute_result", "data": {"text/plain": ["'cod'"], "image/png": "iVBOR"}},
                    {"output_type": "error", "ename": "KeyError", "evalue": "'eel'", "traceback": ["..."]},
                ],
            },
            {"cell_type": "markdown", "source": "## Cod"},
        )
    )
    assert found.text == (
        "# Fish\n\n|a|b|\n|-|-|\n|1|2|\n\n```python\n# no heading\nprint(3)\n```\n\n```\n3\n```\n\n```\n'cod'\n```\n\n"
        "```\nKeyError: 'eel'\n```\n\n## Cod"
    )
    assert [(span.kind, span.label) for span in found.spans] == [("heading", "Fish"), ("heading", "Cod"), ("table", "")]
    assert (found.title, found.media_type, found.verbatim) == ("Fish", "application/x-ipynb+json", False)


def test_a_fence_in_the_code_is_fenced_by_a_longer_one() -> None:
    found = parsed(notebook({"cell_type": "code", "source": "s = '''\n```\n'''"}))
    assert found.text.startswith("````python\n")


def test_a_notebook_of_the_third_version_is_read() -> None:
    old = {"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": "print(3)", "outputs": []}]}]}
    assert parsed(old).text == "```\nprint(3)\n```"


@pytest.mark.parametrize("source", ['{"cells": [', '{"cells": [3]}', '{"cells": {"a": 1}}', '"cells"'])
def test_a_damaged_notebook_is_read_as_text(source: str) -> None:
    found = parsed(source)
    assert found.text == source
    assert found.warnings[0].startswith("is a damaged notebook, and was read as text")
