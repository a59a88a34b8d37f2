from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.text.features import Kind, answers, dates, expected, names, negations, numbers

LANGUAGES = (
    "en",
    "de",
    "es",
    "fr",
    "it",
    "pt",
    "nl",
    "ro",
    "tr",
    "ru",
    "el",
    "ar",
    "hi",
    "th",
    "vi",
    "zh",
    "ja",
    "und",
)
MONTHS = [date(2000, month, 1).strftime("%B") for month in range(1, 13)]


# ── Numbers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("1,200 tonnes in three ships, 18 % more", "en", ("1200", "3", "18%")),
        ("1,234.5 is 1.234,5 is 1'234.50", "en", ("1234.5", "1234.5", "1234.5")),
        ("3.14 and 0.125 and 10,5", "en", ("3.14", "0.125", "10.5")),
        ("1.234 and 1.234.567", "de", ("1234", "1234567")),
        ("007", "en", ("7",)),
        ("zwölf Schiffe", "de", ("12",)),
        ("une pomme et deux poires", "fr", ("2",)),
        ("One hundred", "en", ("1", "100")),
        ("zwölf Schiffe", "en", ()),
        ("１２个", "zh", ("12",)),
        ("共有三百五十人，一些在二〇三一年，十二种", "zh", ("350", "2031", "12")),
        ("两万三千元", "zh", ("23000",)),
        ("۱۲ و ٣", "ar", ("12", "3")),
        ("none at all", "en", ()),
    ],
)
def test_numbers_are_plain_digits_in_any_writing(text: str, language: str, found: tuple[str, ...]) -> None:
    assert numbers(text, language=language) == found


@given(st.integers(0, 10**12), st.sampled_from([",", "."]))
def test_grouping_changes_no_number(value: int, separator: str) -> None:
    assert numbers(f"{value:,}".replace(",", separator), language="en") == (str(value),)


@given(st.decimals(0, 10**9, places=2), st.booleans())
def test_a_decimal_reads_alike_with_point_and_comma(value: object, german: bool) -> None:
    text = f"{value:,.2f}"
    if german:
        text = text.translate({ord(","): ".", ord("."): ","})
    (found,) = numbers(text, language="en")
    assert float(found) == float(str(value))


# ── Dates ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It ships on 3 May 2031.", ("2031-05-03",)),
        ("It ships on May 3rd, 2031.", ("2031-05-03",)),
        ("Am 3. Mai und im März 2030", ("--05-03", "2030-03")),
        ("el 3 de mayo de 2020", ("2020-05-03",)),
        ("3 мая 2031 года", ("2031-05-03",)),
        ("στις 3 Μαΐου 2031", ("2031-05-03",)),
        ("2014年5月3日和8月", ("2014-05-03", "--08")),
        ("13.5.2020, 5/13/2020 and 2020-05-13", ("2020-05-13",) * 3),
        ("in 1984, not 1,984 and not 1984.5", ("1984",)),
        ("1999 and 2001, never 3001", ("1999", "2001")),
        ("May I? On 45 May?", ()),
        ("99/99/2020", ("2020",)),
    ],
)
def test_dates_are_as_much_of_iso_as_they_say(text: str, found: tuple[str, ...]) -> None:
    assert dates(text) == found


@given(
    st.dates(date(1000, 1, 1), date(2199, 12, 31)),
    st.sampled_from(
        ["{d} {m} {y}", "{m} {d}, {y}", "{y:04}-{n:02}-{d:02}", "{d}.{n}.{y}", "{y}年{n}月{d}日", "{d}th of {m} {y}"]
    ),
)
def test_a_date_reads_alike_in_any_form(day: date, form: str) -> None:
    text = form.format(d=day.day, m=MONTHS[day.month - 1], n=day.month, y=day.year)
    assert dates(f"on {text} it came") == (day.isoformat(),)


# ── Names and negations ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Its lead is Ana Ruiz.", ("Ana Ruiz",)),
        ("Ana Ruiz leads it.", ("Ana Ruiz",)),
        ("Rollo came.", ()),
        ("NATO came. Rollo came.", ("NATO",)),
        ("We met Mrs. Grey and J. K. Rowling in Porto.", ("Mrs. Grey", "J. K. Rowling", "Porto")),
        ("The lead is Ruiz. Costa helps.", ("Ruiz",)),
        ("lower case only", ()),
        ("项目负责人是安娜", ()),
    ],
)
def test_names_are_runs_of_capitalised_words(text: str, found: tuple[str, ...]) -> None:
    assert names(text) == found


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("It doesn't ship and never will.", "en", ("doesn't", "never")),
        ("It doesn’t ship.", "en", ("doesn't",)),
        ("Notable knots ship.", "en", ()),
        ("Es gibt kein Schiff.", "de", ("kein",)),
        ("kein", "en", ()),
    ],
)
def test_negations_are_words_of_their_language(text: str, language: str, found: tuple[str, ...]) -> None:
    assert negations(text, language=language) == found


# ── Questions ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("question", "language", "kind"),
    [
        ("When does it ship?", "en", "time"),
        ("In what year did it ship?", "en", "time"),
        ("When should I ship it?", "en", None),
        ("How many ships are there?", "en", "number"),
        ("What is the default chunk size?", "en", "number"),
        ("Who leads it?", "en", "name"),
        ("Where is the office?", "en", "name"),
        ("What is BM25?", "en", "definition"),
        ("What does nDCG stand for?", "en", "definition"),
        ("What is the name of the river in the story?", "en", None),
        ("Why does it ship?", "en", None),
        ("Wann kommt es?", "de", "time"),
        ("Wie viele Schiffe gibt es?", "de", "number"),
        ("¿Quién lo dirige?", "es", "name"),
        ("Quand part-il ?", "fr", "time"),
        ("Quanto costa?", "it", "number"),
        ("Onde fica?", "pt", "name"),
        ("Hoeveel schepen zijn er?", "nl", "number"),
        ("Câte nave sunt?", "ro", "number"),
        ("Ne zaman geldi?", "tr", "time"),
        ("Сколько кораблей?", "ru", "number"),
        ("Πότε έφυγε;", "el", "time"),
        ("متى وصل؟", "ar", "time"),
        ("यह कब हुआ?", "hi", "time"),
        ("มีกี่ลำ", "th", "number"),
        ("Ai dẫn đầu?", "vi", "name"),
        ("项目什么时候发布？", "zh", "time"),
        ("有多少人？", "zh", "number"),
        ("いつ出発しますか", "ja", "time"),
        ("When does it ship?", "und", None),
    ],
)
def test_a_question_word_tells_what_is_asked_for(question: str, language: str, kind: Kind | None) -> None:
    assert expected(question, language=language) == kind


@pytest.mark.parametrize(
    ("sentence", "kind", "question", "language", "held"),
    [
        ("It ships on 3 May.", "time", "When does it ship?", "en", True),
        ("It ships on Mondays at 9:30.", "time", "When does it ship?", "en", True),
        ("It ships on a Monday in March.", "time", "When does it ship?", "en", True),
        ("It may ship.", "time", "When does it ship?", "en", False),
        ("In 2031 it ships.", "time", "When in 2031 does it ship?", "en", False),
        ("Twelve ships sail.", "number", "How many ships sail?", "en", True),
        ("Ships sail.", "number", "How many ships sail?", "en", False),
        ("All 12 ships sail.", "number", "How many of the 12 ships sail?", "en", False),
        ("Its lead is Ana Ruiz.", "name", "Who leads it?", "en", True),
        ("The lead of Halibut is new.", "name", "Who leads Halibut?", "en", False),
        ("It lies in `.cache`.", "name", "Where does it lie?", "en", True),
        ("It lies in ~/.cache/x.", "name", "Where does it lie?", "en", True),
        ("负责人是安娜。", "name", "谁？", "zh", None),
        ("Die Leitung hat Ruiz.", "name", "Wer leitet es?", "de", None),
        ("BM25 ranks passages by words.", "definition", "What is BM25?", "en", True),
        ("The index is ranked by BM25.", "definition", "What is BM25?", "en", False),
    ],
)
def test_a_sentence_holds_what_is_asked_for_or_not(
    sentence: str, kind: Kind, question: str, language: str, held: bool | None
) -> None:
    assert answers(sentence, kind, question=question, language=language) is held


@given(st.text(max_size=80), st.text(max_size=40), st.sampled_from(LANGUAGES))
def test_any_text_can_be_read(text: str, question: str, language: str) -> None:
    assert all(number.rstrip("%").replace(".", "", 1).isdigit() for number in numbers(text, language=language))
    assert all(day.replace("-", "").isdigit() for day in dates(text))
    assert all(name == name.strip() for name in names(text))
    assert all(word in text.casefold().replace("’", "'") for word in negations(text, language=language))
    kind = expected(question, language=language)
    if kind is not None:
        assert answers(text, kind, question=question, language=language) in (True, False, None)
