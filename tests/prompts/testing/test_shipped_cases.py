"""The tests of the prompts that ship: a good reply passes each, a bad one fails it, and no reply is needed to send."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ragstone.pipelines.prompt_tests import PromptTests
from ragstone.prompts.file import PromptFile, load
from ragstone.prompts.testing.cases import Case
from ragstone.testing import ScriptedModel
from ragstone.types import Prompt

ROOT = Path(__file__).parents[3] / "prompts"
NAMES = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix()
    for path in ROOT.rglob("*.prompty")
    if path.parent.name != "starters"
)
REPLIES: dict[str, dict[str, str]] = yaml.safe_load((Path(__file__).with_name("replies.yaml")).read_text("utf-8"))
GRADES = {True: "It does.\nGrade: 5", False: "It does not.\nGrade: 1"}
BAD = "Pineapple? I would rather not."
NEEDS_NO_MODEL = {("answer", "abstains when nothing was found")}


class Nearness:
    """An embedder of two words: what speaks of pineapples is unlike all else."""

    async def embed(self, texts: list[str], **_: Any) -> Any:
        import numpy as np

        return np.array([[0.0, 1.0] if "Pineapple" in text else [1.0, 0.0] for text in texts], dtype=np.float32)


def shipped(name: str) -> PromptFile:
    return load(ROOT / f"{name}.prompty")


def runner(name: str, says: Any, *, good: bool) -> PromptTests:
    def say(prompt: Prompt) -> str:
        return GRADES[good] if prompt.name == "judge" and name != "judge" else says(prompt)

    return PromptTests({"m": ScriptedModel(say)}, embedder=Nearness(), prompt_file=shipped)  # type: ignore[arg-type]


def asked(case: Case, prompt: Prompt) -> bool:
    """Whether this prompt was built of that case."""
    said = "\n".join(message.content for message in prompt.messages)
    values = [value for value in case.inputs.values() if isinstance(value, str)]
    return all(text in said for text in (*values, *(hit.chunk.text for hit in case.passages)))


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_prompt_has_tests_of_what_is_sent_and_of_what_is_said(name: str) -> None:
    cases = shipped(name).cases()
    assert len(cases) >= 2
    assert sum(bool(case.sent) for case in cases) >= 1
    assert all(case.expect for case in cases)
    assert list(REPLIES[name]) == [case.name for case in cases]


@pytest.mark.parametrize("name", NAMES)
async def test_a_good_reply_passes(name: str) -> None:
    def says(prompt: Prompt) -> str:
        # The longest inputs first: one case's may hold another's.
        cases = sorted(shipped(name).cases(), key=lambda case: -sum(len(str(value)) for value in case.inputs.values()))
        return REPLIES[name][next(case.name for case in cases if asked(case, prompt))]

    report = await runner(name, says, good=True).run(name)
    assert [(case.case, case.expected, case.found) for case in report.cases if case.outcome != "passed"] == []


@pytest.mark.parametrize("name", NAMES)
async def test_a_bad_reply_fails(name: str) -> None:
    report = await runner(name, lambda _: BAD, good=False).run(name)
    passed = {(name, case.case) for case in report.cases if case.outcome == "passed"}
    assert passed <= NEEDS_NO_MODEL
