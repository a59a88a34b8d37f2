"""What a model wrote on its way to an answer, as an example."""

from __future__ import annotations

from pathlib import Path

from layer_files import layered_file
from ragstone.prompts.rationales import Form, Rationale, misfitting, solved


def test_a_number_that_no_machine_can_hold_is_no_number(tmp_path: Path) -> None:
    digits = "9" * 400
    output = layered_file(tmp_path, outputs="[{name: total, kind: float}]").output
    made = solved(Rationale((f"It is {digits}.",), digits), Form(answer="total"), output)["output"]
    assert made == {"total": digits}
    assert "does not fit" in str(misfitting(made, output))
    assert solved(Rationale(("It is 9.",), "9"), Form(answer="total"), output)["output"] == {"total": 9}
