"""Judges whose words are known, asked by the prompt files that ship."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ragstone.pipelines.prompt_tests import PromptTests
from ragstone.prompts.file import load
from ragstone.testing import ScriptedModel
from ragstone.types import Prompt

SHIPPED = Path(__file__).parents[2] / "prompts"


def bench(*models: Any, prompts: Path = SHIPPED) -> PromptTests:
    """A route of models, called m, n and o, and the prompt files of a folder."""
    named = dict(zip("mno", models, strict=False))
    return PromptTests(named, embedder=None, prompt_file=lambda name: load(prompts / f"{name}.prompty"))


def said(prompt: Prompt) -> str:
    """All that a judge reads."""
    return "\n".join(message.content for message in prompt.messages)


def judging(grade: Callable[[str], str], **options: Any) -> ScriptedModel:
    """A model that says this to the answer that it is to grade."""
    return ScriptedModel(lambda prompt: grade(said(prompt).partition("Answer:\n\n")[2].strip()), **options)


def comparing(verdict: Callable[[str, str], str], **options: Any) -> ScriptedModel:
    """A model that says this of the first answer and the second."""

    def say(prompt: Prompt) -> str:
        found = re.search(r"First answer:\n\n(.*?)\n\nSecond answer:\n\n(.*)", said(prompt), re.DOTALL)
        assert found is not None
        return verdict(found[1].strip(), found[2].strip())

    return ScriptedModel(say, **options)
