"""Prompt files with examples, as the tests of prompts write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ragstone.prompts.file import PromptFile, load

BODY = """\
system:
Be brief.

user:
{{ passages }}
Question: {{ question }}
"""
INPUTS = "[{name: question, required: true}, {name: tone, enumValues: [plain, formal], default: plain}]"


def row(question: str, output: object = "Yes.", **keys: Any) -> str:
    return json.dumps({"inputs": {"question": question}, "output": output, **keys}, ensure_ascii=False)


def prompt_file(
    root: Path, rows: str | bytes | None, *, layer: str = "k: 1", body: str = BODY, inputs: str = INPUTS, own: str = ""
) -> PromptFile:
    if rows is not None:
        (root / "examples").mkdir(exist_ok=True)
        (root / "examples" / "test.jsonl").write_bytes(rows if isinstance(rows, bytes) else rows.encode())
    front = f"""\
inputs: {inputs}
metadata:
  ragstone:
    layers:
      few_shot: {{file: examples/test.jsonl, {layer}}}
    {own}"""
    path = root / "test.prompty"
    path.write_text(f"---\n{front}\n---\n{body}", encoding="utf-8")
    return load(path, root=root)
