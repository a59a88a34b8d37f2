import pytest

from ragstone.errors import ConfigError
from ragstone.types import Context
from ragstone.validation.checks.regex import RegexCheck
from ragstone.verdicts import Subject


async def found(text: str, **settings):
    return await RegexCheck(**settings).check(Subject(text=text, stage="output"), context=Context())


async def test_the_whole_text_matches_or_a_part_of_it_does():
    assert (await found("AB-1234", match="[A-Z]{2}-[0-9]{4}")).passed
    assert not (await found("AB-1234!", match="[A-Z]{2}-[0-9]{4}")).passed
    assert not (await found("AB-1234\n", match="[A-Z]{2}-[0-9]{4}")).passed
    assert (await found("See AB-1234.", search="[A-Z]{2}-[0-9]{4}")).passed
    finding = await found("See it.", search="[0-9]")
    assert (finding.passed, finding.reason) == (False, "it holds nothing of the form '[0-9]'")


async def test_what_is_forbidden_is_named_with_its_place():
    text = "Fine. As an AI I cannot. Fine. as an ai, again."
    finding = await found(text, forbid="(?i)as an ai")
    assert not finding.passed
    assert [text[flaw.start : flaw.end] for flaw in finding.flaws] == ["As an AI", "as an ai"]


async def test_in_a_long_text_too_and_where_a_match_crosses_sentences():
    text = "It is fine, and goes on. " * 200 + "Call 555-1234 now. " + "It is fine. " * 200
    finding = await found(text, forbid="[0-9]{3}-[0-9]{4}")
    assert [text[flaw.start : flaw.end] for flaw in finding.flaws] == ["555-1234"]
    crossing = await found(text, forbid=r"now\. It")
    assert [(flaw.start, flaw.end) for flaw in crossing.flaws] == [(0, len(text))]


def test_a_stream_waits_unless_each_sentence_is_judged_by_itself():
    assert RegexCheck(forbid="a").whole
    assert not RegexCheck(forbid="a", within="sentence").whole


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "one pattern is asked for: expected `match`, `search` or `forbid`, found none of them"),
        ({"match": "a", "forbid": "b"}, "found match, forbid"),
        ({"forbid": "a(?!b)"}, r"forbid is no pattern: look-around, .* two checks, one that forbids"),
        ({"search": r"(a)\1"}, "search is no pattern: backreferences"),
        ({"forbid": "a*"}, "matches nothing at all"),
        ({"match": "a", "within": "sentence"}, "only judged by `forbid`"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        RegexCheck(**settings)
