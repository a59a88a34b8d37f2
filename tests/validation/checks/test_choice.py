import pytest

from ragstone.errors import ConfigError
from ragstone.types import Context
from ragstone.validation.checks.choice import ChoiceCheck
from ragstone.verdicts import Subject

OF = ["yes", "no", "not stated", "是", "不是"]


async def found(text: str, **settings):
    check = ChoiceCheck(**{"of": OF, **settings})
    return await check.check(Subject(text=text, stage="output"), context=Context())


@pytest.mark.parametrize("text", ["yes", " Yes\n", "NOT  STATED", "是", "ｙｅｓ"])
async def test_one_of_the_list_passes(text: str):
    assert (await found(text)).passed


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("Yes.", "yes"),
        ("**No**, it does not.", "no"),
        ("It is not stated.", "not stated"),
        ("答案：不是。", "不是"),
        ("Yes and no.", None),
        ("Nobody knows yesterday.", None),
        ("", None),
    ],
)
async def test_the_only_one_that_is_named_is_the_fix(text: str, fixed: str | None):
    finding = await found(text)
    assert (finding.passed, finding.fixed) == (False, fixed)


async def test_capitals_count_where_that_is_asked_for():
    assert not (await found("YES", case=True)).passed
    assert (await found("yes", case=True)).passed
    assert "'YES'" in (await found("YES", case=True)).reason


@pytest.mark.parametrize("of", [[], ["yes"], ["yes", "Yes"], ["yes", " "]])
def test_a_list_that_offers_no_choice_is_refused(of: list[str]):
    with pytest.raises(ConfigError, match="these are no choices"):
        ChoiceCheck(of=of)
