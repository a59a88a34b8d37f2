"""Prompt files with layers, and what they come to with a model that says what it is told to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ragstone.inference.router import Router
from ragstone.pipelines.prompted import prompted
from ragstone.pipelines.runner import PromptRunner
from ragstone.prompts.file import PromptFile, load
from ragstone.prompts.layers.solving import Outcome
from ragstone.protocols import Model
from ragstone.types import Context, Prompt

BODY = """\
system:
Be brief.

user:
Question: {{ question }}
"""

PLAIN = """\
---
inputs: [{name: question, required: true}]
---
user:
%s {{ question }}
"""


def layered_file(
    root: Path, layers: str = "{}", *, options: str = "{}", outputs: str = "", own: str = "", body: str = BODY
) -> PromptFile:
    """A prompt file with these layers, as YAML in one line."""
    lines = ["---", f"model: {{options: {options}}}", "inputs: [{name: question, required: true}]"]
    lines += [f"outputs: {outputs}"] if outputs else []
    lines += ["metadata:", "  ragstone:", f"    layers: {layers}", *(f"    {line}" for line in own.splitlines()), "---"]
    path = root / "test.prompty"
    path.write_text("\n".join(lines) + f"\n{body}", encoding="utf-8")
    return load(path, root=root)


def no_files(name: str) -> PromptFile:
    raise AssertionError(f"nobody should read the prompt {name}")


async def built(file: PromptFile, model: Model, question: str = "How many?") -> Prompt:
    """The prompt as it is sent to the model."""
    return await prompted(file, {"question": question}, router=Router({"model": model}), context=Context())


async def solved(
    file: PromptFile,
    model: Model,
    question: str = "How many?",
    *,
    prompt_file: Callable[[str], PromptFile] = no_files,
    context: Context | None = None,
) -> Outcome:
    """The answer by way of the file's layers."""
    router, context = Router({"model": model}), context or Context()
    request = await prompted(file, {"question": question}, router=router, context=context)
    return await PromptRunner(router, prompt_file, models=("model",)).complete(file, request, context=context)
