import json
from pathlib import Path

import numpy as np
import pytest

from ragstone.errors import ConfigError
from ragstone.validation.injection.features import FEATURES, RULES, blocks
from ragstone.validation.injection.fitting import fit
from ragstone.validation.injection.weights import load, shipped

FILE = Path(load.__code__.co_filename).with_name("weights.json")


def test_weights_are_written_as_they_were_read():
    assert shipped().dump() == FILE.read_text(encoding="utf-8")


def test_the_shipped_weights_are_a_few_kilobytes():
    assert FILE.stat().st_size < 8_000


def test_no_rule_decides_alone():
    """A sentence that stands among its like, and asks nothing by its vector, passes with any one rule."""
    weights = shipped().retrieved
    at = {name: place for place, name in enumerate(FEATURES)}
    for rule in RULES:
        row = np.zeros(len(FEATURES))
        row[at[rule]] = 1
        row[at["near"]], row[at["nearest"]], row[at["length"]], row[at["asks"]] = 0.3, 0.4, 2.7, -0.8
        for name, place in at.items():
            if name == f"{rule}, not around":
                row[place] = 1
            if name == f"{rule}, asks":
                row[place] = -0.8
        assert row @ weights.features + weights.constant < 0, rule


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda value: value.pop("user"), "user"),
        (lambda value: value.update(version=2), "version"),
        (lambda value: value["retrieved"]["features"].popitem(), "not those of this Ragstone"),
        (lambda value: value["user"]["vector"].update(values="!!"), "damaged"),
        (lambda value: value.update(dimensions=7), "7"),
        (lambda value: value["user"].update(constant="x"), "user.constant"),
    ],
)
def test_a_file_that_holds_no_weights_is_told_by_its_fault(tmp_path: Path, change, says: str):
    value = json.loads(FILE.read_text(encoding="utf-8"))
    change(value)
    path = tmp_path / "guard.json"
    path.write_text(json.dumps(value))
    with pytest.raises(ConfigError, match=says):
        load(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_file_of_something_else_is_told(tmp_path: Path, content: bytes):
    path = tmp_path / "guard.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="guard train"):
        load(path)


def test_a_logistic_regression_finds_what_made_the_labels():
    random = np.random.default_rng(0)
    rows = random.normal(size=(4_000, 3))
    labels = random.random(4_000) < 1 / (1 + np.exp(-(rows @ [2.0, -1.0, 0.0] + 0.5)))
    found, constant = fit(rows, labels, weights=np.ones(4_000), penalty=0.01)
    assert found == pytest.approx([2, -1, 0], abs=0.2)
    assert constant == pytest.approx(0.5, abs=0.2)


def test_without_examples_that_speak_against_it_what_was_known_stays():
    prior = np.array([1.0, -2.0, 0.3])
    found, constant = fit(np.zeros((2, 2)), np.array([True, False]), weights=np.full(2, 1e-12), prior=prior)
    assert [*found, constant] == pytest.approx(list(prior), abs=1e-5)


def test_separable_examples_give_finite_weights():
    found, _ = fit(np.array([[-1.0], [1.0]]), np.array([False, True]), weights=np.ones(2))
    assert 0 < found[0] < 10


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 1_000])
def test_blocks_cover_all_pieces_once(count: int):
    cuts = blocks(count)
    assert [at for cut in cuts for at in range(count)[cut]] == list(range(count))
    assert max(cut.stop - cut.start for cut in cuts) <= 64
