import pytest

from ragstone.errors import ConfigError
from ragstone.types import Context
from ragstone.validation.checks.language import LanguageCheck
from ragstone.verdicts import Subject

ENGLISH = "The harbour opens at six in the morning, and closes when the last ship has left it."
GERMAN = "Der Hafen öffnet um sechs Uhr morgens und schließt, wenn das letzte Schiff abgelegt hat."
CHINESE = "港口早上六点开放，最后一艘船离开后关闭。"
RUSSIAN = "Порт открывается в шесть утра и закрывается, когда уходит последний корабль."


async def found(text: str, expected: str = "same", question: str = ""):
    subject = Subject(text=text, stage="output", question=question)
    return await LanguageCheck(expected=expected).check(subject, context=Context())


@pytest.mark.parametrize(("text", "own"), [(ENGLISH, "en"), (GERMAN, "de"), (CHINESE, "zh"), (RUSSIAN, "ru")])
async def test_a_text_is_in_the_language_that_is_asked_for(text: str, own: str):
    assert (await found(text, own)).passed
    for other in {"en", "de", "zh", "ru", "fr"} - {own}:
        finding = await found(text, other)
        assert not finding.passed
        assert finding.reason == f"it is in the language {own!r}, and should be in {other!r}"


async def test_an_answer_is_in_the_language_of_its_question():
    assert (await found(GERMAN, question="Wann öffnet der Hafen am Morgen?")).passed
    assert not (await found(ENGLISH, question="Wann öffnet der Hafen am Morgen?")).passed
    assert not (await found(ENGLISH, question="港口什么时候开放？")).passed
    assert (await found(ENGLISH, question="Halibut?")).passed
    assert (await found(ENGLISH, question="")).passed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ja.",
        "42",
        "Halibut GmbH, Hamburg",
        "https://example.com/this/is/a/long/address/of/a/page/in/english",
        f"```python\n# {ENGLISH}\n```",
        f"{ENGLISH} {RUSSIAN}",
    ],
)
async def test_what_says_nothing_of_a_language_passes(text: str):
    assert (await found(text, "de")).passed


def test_a_language_that_is_not_told_from_others_is_refused():
    with pytest.raises(ConfigError, match=r"expected same, or one of ar, bg, .*Did you mean 'de'"):
        LanguageCheck(expected="dee")
