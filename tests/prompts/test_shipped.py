"""The prompt files that ship with Ragstone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ragstone.prompts.builder import build
from ragstone.prompts.file import load

ROOT = Path(__file__).parents[2]
PROMPTS = ROOT / "prompts"
FILES = sorted(path for path in PROMPTS.rglob("*.prompty") if path.parent.name != "starters")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PROMPTS).with_suffix("").as_posix())
def test_a_shipped_prompt_says_what_it_is_and_works_with_its_own_examples(path: Path):
    file = load(path)
    assert file.name == path.relative_to(PROMPTS).with_suffix("").as_posix()
    assert file.display_name
    assert file.description.endswith(".")
    assert all(one.description and one.example is not None for one in file.inputs)
    assert {*file.trust} >= {one.name for one in file.inputs}
    assert file.options.temperature is not None
    assert file.options.max_tokens
    every = {one.name: one.example for one in file.inputs}
    required = {one.name: one.example for one in file.inputs if one.required}
    for inputs in (every, required):
        built = build(file, inputs, hits=[])
        assert [message.role for message in built.messages][:: len(built.messages) - 1] == ["system", "user"]
        said = "\n".join(message.content for message in built.messages)
        assert all(str(value) in said for value in inputs.values() if isinstance(value, str))
        if "passages" not in file.body.uses:
            assert "\n\n\n" not in said, "a gap where something was left out"


def test_the_gallery_shows_every_file_as_it_is_now():
    done = subprocess.run([sys.executable, ROOT / "docs/gallery.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
