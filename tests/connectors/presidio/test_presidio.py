"""Presidio with our patterns, and names by a spaCy pipeline that a test makes."""

from __future__ import annotations

import asyncio
import warnings
from pathlib import Path

import pytest

from ragstone.errors import ConfigError, NotConfigured
from ragstone.protocols import Check
from ragstone.registry import find as registered
from ragstone.text.personal.finding import find
from ragstone.text.personal.spans import IDENTIFYING
from ragstone.types import Context
from ragstone.verdicts import Finding, Subject

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("presidio_analyzer")
    import spacy

    from ragstone.connectors.presidio import PresidioCheck
    from ragstone.connectors.presidio.engine import LANGUAGE, analyzer, pipeline

TEXT = "Ana Ruiz of Acme in Bergen: jane@example.com, MAC 00:1B:44:11:3A:B7, (415) 555-0132."


@pytest.fixture(scope="module")
def plain() -> PresidioCheck:
    return PresidioCheck()


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline as a folder, whose names are written out: what a trained one would find."""
    made = spacy.blank("en")
    ruler = made.add_pipe("entity_ruler")
    said = {"PERSON": "Ana Ruiz", "ORG": "Acme", "GPE": "Bergen", "CARDINAL": "415"}
    ruler.add_patterns([{"label": label, "pattern": words} for label, words in said.items()])  # type: ignore[attr-defined]
    folder = tmp_path_factory.mktemp("names") / "en_made_up"
    made.to_disk(folder)
    return folder


async def asked(check: Check, text: str = TEXT) -> Finding:
    return await check.check(Subject(text=text, stage="input"), context=Context())


async def labels(check: Check, text: str = TEXT) -> list[str]:
    return [flaw.label for flaw in (await asked(check, text)).flaws]


def test_it_comes_in_by_its_type():
    assert registered("check", "presidio") is PresidioCheck


async def test_patterns_find_no_names(plain: PresidioCheck):
    assert await labels(plain) == ["EMAIL_ADDRESS", "MAC_ADDRESS", "PHONE_NUMBER"]
    assert (
        await asked(plain)
    ).fixed == "Ana Ruiz of Acme in Bergen: <EMAIL_ADDRESS>, MAC <MAC_ADDRESS>, <PHONE_NUMBER>."
    assert "no names" in (PresidioCheck.__doc__ or "")


async def test_a_spacy_pipeline_finds_names(names: Path):
    check = PresidioCheck(names=str(names))
    await check.load()
    assert await labels(check) == ["PERSON", "ORGANIZATION", "LOCATION", "EMAIL_ADDRESS", "MAC_ADDRESS", "PHONE_NUMBER"]
    assert await labels(PresidioCheck(names=str(names), types=["PERSON"])) == ["PERSON"]


async def test_a_pipeline_that_is_not_there_or_finds_no_names_is_said(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"names is no spaCy pipeline that is installed.*found en_core_web_xx"):
        PresidioCheck(names="en_core_web_xx")
    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(NotConfigured, match="finds no names"):
        await PresidioCheck(names=str(tmp_path / "blank")).load()


def test_what_it_cannot_look_for_is_said():
    with pytest.raises(ConfigError, match="unknown type 'PERSON'") as raised:
        PresidioCheck(types=["PERSON"])
    assert "names: en_core_web_sm" in str(raised.value)
    with pytest.raises(ConfigError, match="types is empty"):
        PresidioCheck(types=[])
    with pytest.raises(ConfigError, match="threshold is out of range"):
        PresidioCheck(threshold=2)


async def test_what_is_less_sure_than_the_threshold_counts_as_nothing():
    assert await labels(PresidioCheck(threshold=0.95)) == ["EMAIL_ADDRESS", "MAC_ADDRESS"]


async def test_our_patterns_find_the_same_here_as_by_themselves(plain: PresidioCheck):
    text = "12 Main Street, GB82WEST12345698765432, 4111 1111 1111 1111, 078-05-1120 and 86.231.85.193"
    own = [(one.type, one.start, one.end) for one in find(text, IDENTIFYING)]
    assert [(one.type, one.start, one.end) for one in plain.spans(text)] == own
    assert len(own) == 5


async def test_several_texts_at_once_are_looked_through_one_by_one(plain: PresidioCheck):
    found = await asyncio.gather(*(labels(plain, f"{number}@example.com " * number) for number in range(1, 9)))
    assert [len(one) for one in found] == [*range(1, 9)]


def test_plain_presidio_asks_nobody_and_has_its_own_patterns():
    engine = analyzer(pipeline(None), names=False, own=False)
    found = engine.analyze("jane@example.com", LANGUAGE)
    assert "EMAIL_ADDRESS" in {one.entity_type for one in found}


async def test_an_empty_text_and_a_long_one(plain: PresidioCheck):
    assert (await asked(plain, "")).passed
    assert (await asked(plain, "word " * 50_000)).passed
