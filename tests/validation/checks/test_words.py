from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import ConfigError
from ragstone.types import Context
from ragstone.validation.checks.words import WordsCheck
from ragstone.verdicts import Subject


async def found(text: str, **settings):
    return await WordsCheck(**settings).check(Subject(text=text, stage="output"), context=Context())


@pytest.mark.parametrize(
    ("text", "word", "hit"),
    [
        ("The Halibut ships.", "halibut", "Halibut"),
        ("The hali\u200bbut ships.", "halibut", "hali\u200bbut"),
        ("The hаlibut ships.", "halibut", "hаlibut"),  # a Cyrillic а
        ("ＨＡＬＩＢＵＴ ships", "halibut", "ＨＡＬＩＢＵＴ"),
        ("project  Halibut, then", "project halibut", "project  Halibut"),
        ("Straße und STRASSE", "strasse", "Straße"),
        ("das café", "cafe", "café"),
        ("这是机密文件。", "机密", "机密"),
        ("これは極秘です", "極秘", "極秘"),
        ("비밀번호는 없다", "비밀번호", "비밀번호"),
        ("это секрет!", "секрет", "секрет"),
        ("यह गुप्त है", "गुप्त", "गुप्त"),
    ],
)
async def test_a_word_is_found_however_it_is_written(text: str, word: str, hit: str):
    finding = await found(text, forbid=[word])
    assert not finding.passed
    assert text[finding.flaws[0].start : finding.flaws[0].end] == hit
    assert finding.fixed is not None
    assert len(finding.fixed) == len(text)
    assert finding.fixed.count("*") == sum(
        not sign.isspace() for sign in "".join(text[flaw.start : flaw.end] for flaw in finding.flaws)
    )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("halibuts and halibutter", "halibut"),
        ("새비밀번호", "비밀번호"),
        ("a project. Halibut", "project x halibut"),
        ("classic", "ass"),
    ],
)
async def test_only_whole_words_count(text: str, word: str):
    assert (await found(text, forbid=[word])).passed


async def test_with_a_language_inflected_words_count_too():
    assert not (await found("They sold rifles.", topics={"weapons": ["rifle"]}, language="en")).passed


async def test_a_topic_is_named():
    finding = await found("A gun, a Gun.", topics={"weapons": ["gun", "rifle"], "food": ["rice"]})
    assert finding.reason == "it holds 'gun' (the topic 'weapons')"
    assert [flaw.label for flaw in finding.flaws] == ["weapons", "weapons"]
    assert finding.fixed == "A ***, a ***."


async def test_words_stand_in_a_file(tmp_path: Path):
    path = tmp_path / "words.txt"
    path.write_text("\ufeff# internal names\n\nhalibut\nblue sky \n", encoding="utf-8")
    assert not (await found("Under a blue sky", file=path)).passed
    assert (await found("internal names", file=path)).passed


def test_lists_that_say_nothing_are_refused(tmp_path: Path):
    for settings, said in [
        ({}, "nothing is forbidden"),
        ({"forbid": ["…"]}, "there is no word in it"),
        ({"topics": {"weapons": []}}, "'weapons' names no words"),
        ({"file": tmp_path / "none.txt"}, "cannot be read"),
    ]:
        with pytest.raises(ConfigError, match=said):
            WordsCheck(**settings)
    (tmp_path / "empty.txt").write_text("# none\n")
    with pytest.raises(ConfigError, match="it holds no word"):
        WordsCheck(file=tmp_path / "empty.txt")


@given(st.text("ab \u200bаß机密.,\n", max_size=30), st.sampled_from(["a", "ab", "a b", "机", "ss"]))
async def test_a_fix_changes_only_what_was_found(text: str, word: str):
    finding = await found(text, forbid=[word])
    if finding.passed:
        return
    kept = {place for flaw in finding.flaws for place in range(flaw.start, flaw.end)}
    assert finding.fixed is not None
    assert all(
        new == old for place, (new, old) in enumerate(zip(finding.fixed, text, strict=True)) if place not in kept
    )
    assert (await found(finding.fixed, forbid=[word])).passed
