"""What `ragstone check` says of the checks of a project, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragstone.cli.init import Default, write
from ragstone.project import Project


def faults(folder: Path, checks: str, **connectors: str) -> list[str]:
    """The faults of a project whose answers have these checks; they stand in line 4 of the pipeline's file."""
    write(folder, model=Default.extractive)
    for name, text in connectors.items():
        (folder / "connectors" / f"{name}.yaml").write_text(text)
    pipeline = f"index: ingest\nprompt: answer\nroute: {{models: [extractive]}}\nchecks: {checks}\n"
    (folder / "pipelines" / "answer.yaml").write_text(pipeline)
    return [str(fault).replace(f"{folder}/", "") for fault in Project(folder).faults()]


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ("[{personal: {types: null}}]", "22: types: should be a list, or should be 'identifying' or 'all': found noth"),
        ("[{personal: {types: []}}]", "22: types is empty: nothing would be found: expected identifying, all"),
        ("[{judge: {prompt: nope}}]", "19: there is no prompt 'nope'"),
        ("[{grounding: {nli: nope}}]", "23: there is no connector 'nope'"),
        ("[{injection: {weights: nope.json}}]", "23: weights are not those of this check"),
        ("[{citations: {on_fail: reask}}]", "11: citations takes no keys"),
        ("[{egress: {allow: example.com}}]", "20: allow: should be a list: found 'example.com'"),
        ("[{egress: {words: -1}}]", "20: words is out of range: expected 0 or more, found -1"),
        ("[{length: {most: true}}]", "20: most: should be a number: found true"),
        ("[{grounding: {entails: 0.4}}]", "23: entails has no effect here: expected a reranker beside it, as `nli`"),
    ],
)
def test_a_fault_is_told_once_at_its_line(tmp_path: Path, checks: str, said: str):
    (found,) = faults(tmp_path, checks)
    assert found.startswith(f"pipelines/answer.yaml:4:{said}")
    assert "Errno" not in found
    assert "openai" not in found.rpartition(".")[2]  # a model is no reranker


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("kind: check\ntype: length\nmost: -5\n", ":3:1: most is out of range"),
        ("kind: check\ntype: lenght\n", ":2:1: there is no check of type 'lenght'"),
        ("kind: check\nmost: 5\n", ":1:1: the key 'type' is missing: expected one of choice"),
        ("kind: check\ntype: length\nmost: 5\non_fail: drop\n", ":4:1: "),
        ("kind: check\ntype: length\nmost: 5\non: passages\n", ":4:1: "),
    ],
)
def test_a_fault_of_a_checks_own_file_is_told_once_and_there(tmp_path: Path, file: str, said: str):
    (found,) = faults(tmp_path, "[short]", short=file)
    assert found.startswith(f"connectors/short.yaml{said}")


def test_other_checks_are_looked_at_beside_a_file_with_a_fault(tmp_path: Path):
    found = faults(tmp_path, "[short, {length: {most: -1}}]", short="kind: check\ntype: length\nmost: -5\n")
    assert [one.split(":")[0] for one in found] == ["connectors/short.yaml", "pipelines/answer.yaml"]
