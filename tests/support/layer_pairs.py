"""Every layer with settings of its own, alone and with each other one that it may be on with."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

from few_shot_files import row
from layer_files import layered_file
from ragstone.prompts.file import PromptFile
from ragstone.prompts.layers.legality import ILLEGAL
from ragstone.prompts.schema import Layers

__all__ = ["EXAMPLES", "FORBIDDEN", "LEGAL", "NAMES", "PAIRS", "file_with"]

EXAMPLES: dict[str, dict[str, Any]] = {
    "few_shot": {"file": "two.jsonl", "k": 1},
    "cot": {"on": True},
    "self_consistency": {"n": 3, "vote": "answer"},
    "best_of": {"n": 2},
    "chain_of_verification": {"questions": 2},
    "reflect": {"rounds": 2, "verifier": ["schema", "judge", "self"]},
    "least_to_most": {"max_steps": 3},
    "step_back": {"on": True},
    "generated_knowledge": {"statements": 2},
    "tree_of_thoughts": {"breadth": 2, "depth": 2, "max_calls": 9},
    "react": {"tools": ["calculator"], "max_steps": 3},
    "persona": {"file": "clerk.md"},
}
"""Settings of each layer, for a file whose answer has a field `answer`."""

OUTPUTS = "[{name: answer, kind: string}]"
NAMES = (*Layers.model_fields, "persona")
FORBIDDEN = {frozenset(pair): reason for pair, reason in ILLEGAL.items()}
PAIRS = [frozenset(pair) for pair in combinations(NAMES, 2)]
LEGAL = [*(frozenset([name]) for name in NAMES), *(pair for pair in PAIRS if pair not in FORBIDDEN)]


def file_with(root: Path, names: frozenset[str], *, on: bool = True, options: str = "{}") -> PromptFile:
    """A prompt file with these layers, each as its example says, or each switched off."""
    (root / "two.jsonl").write_text(row("2 + 3?", {"answer": "5"}, rationale="Two and three are five."))
    (root / "clerk.md").write_text("You are a patient clerk.")
    given = {name: EXAMPLES[name] | ({} if on else {"on": False}) for name in sorted(names)}
    persona = given.pop("persona", None)
    own = f"persona: {json.dumps(persona)}" if persona else ""
    return layered_file(root, json.dumps(given), outputs=OUTPUTS, options=options, own=own)
