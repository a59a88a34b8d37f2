from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.text import analyzer
from ragstone.text.analyzer import MOST_QUERY_TERMS, query_terms, terms
from ragstone.text.stopwords import STOPWORDS

LANGUAGES = ["en", "de", "fr", "es", "ro", "tr", "vi", "ru", "el", "ar", "hi", "th", "zh", "ja", "ko", "und"]


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("en", "Reading the documents", "reads THE document"),
        ("de", "Die Häuser", "die Hauses"),
        ("de", "Straßen", "STRASSEN"),
        ("fr", "les cafés fermés", "LE cafe fermé"),
        ("es", "políticas", "POLITICA"),
        ("tr", "IŞIK", "ışık"),
        ("ru", "документы", "ДОКУМЕНТОВ"),
        ("en", "ﬁle № Ⅻ ｆｕｌｌ", "file No XII full"),
        ("en", "the U.S.A. and the UK", "the USA and the U.K."),
        ("en", "1,234,567", "1234567"),
        ("fr", "l’homme", "l'homme"),
        ("und", "Café", "café"),
    ],
)
def test_spellings_of_one_word_are_one_term(language: str, one: str, other: str) -> None:
    assert terms(one, language=language) == terms(other, language=language)


def test_accents_tell_vietnamese_words_apart() -> None:
    assert terms("mà", language="vi") != terms("má", language="vi")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vllm-0.33", ["vllm-0.33", "vllm", "0.33"]),
        ("RAGSTONE_DATA", ["ragstone_data", "ragstone", "data"]),
        ("foo.bar()", ["foo.bar", "foo", "bar"]),
        ("ana.b@example.org", ["ana.b@example.org", "ana", "b", "example", "org"]),
        ("2024-05-01", ["2024-05-01", "2024", "05", "01"]),
        ("3.14 and v1.2.3", ["3.14", "and", "v1.2.3"]),
        ("two-dimensional", ["two", "dimensional"]),
        ("it's --flag /usr/bin", ["it", "s", "flag", "usr", "bin"]),
        ("__init__ x.", ["init", "x"]),
    ],
)
def test_an_identifier_stands_whole_and_in_its_parts(text: str, expected: list[str]) -> None:
    assert terms(text, language="und") == expected


def test_chinese_becomes_characters_and_pairs() -> None:
    assert terms("检索模型", language="zh") == ["检", "索", "模", "型", "检索", "索模", "模型"]


def test_a_digit_or_a_latin_letter_before_chinese_does_not_swallow_it() -> None:
    assert terms("2024年GPT模型", language="zh") == ["2024", "年", "gpt", "模", "型", "模型"]


def test_chinese_is_read_alike_whatever_the_language_of_the_document() -> None:
    assert terms("检索", language="en") == terms("检索", language="zh")


def test_korean_becomes_words_and_pairs() -> None:
    assert terms("검색을 해", language="ko") == ["검색을", "검색", "색을", "해"]


def test_thai_becomes_triples() -> None:
    assert terms("ไทยๆ กข", language="th") == ["ไทย", "ทยๆ", "กข"]  # a shorter run stays whole


def test_the_marks_of_a_word_belong_to_it() -> None:
    assert terms("हिन्दी में", language="und") == ["हिन्दी", "में"]
    assert terms("كِتَاب", language="und") == ["كِتَاب"]


def test_every_mark_below_the_astral_planes_that_follows_a_letter_joins_it() -> None:
    spaced = {"Thai", "Lao", "Myanmar", "Khmer"}
    for code in range(0x300, 0xE00):
        mark = chr(code)
        if unicodedata.category(mark) not in ("Mn", "Mc") or unicodedata.name(mark).split()[0].title() in spaced:
            continue
        if "\u0700" <= mark <= "\u08ff":  # Syriac, Thaana, N'Ko, Samaritan, Mandaic: not read as words with marks
            continue
        letter = "\u0915" if code >= 0x900 else "\u0628" if code >= 0x600 else "\u05d0" if code >= 0x590 else "x"
        found = terms(unicodedata.normalize("NFD", f"{letter}{mark}{letter}"), language="vi")
        assert len(found) == 1, hex(code)


def test_an_encoded_image_is_one_short_term() -> None:
    (term,) = terms("a1" * 100_000, language="en")
    assert len(term) == 256


def test_a_question_loses_the_words_it_is_put_with() -> None:
    assert query_terms("What is the range of a bat, and what is a bat?", languages=["en"]) == ["rang", "bat", "bat"]
    assert query_terms("模型是什么", languages=["zh"]) == ["模", "型", "模型", "型是", "是什"]


def test_a_question_of_such_words_alone_keeps_them() -> None:
    assert query_terms("Who is it?", languages=["en"]) == ["who", "is", "it"]


@pytest.mark.parametrize(
    ("question", "languages", "language"),
    [
        ("Wo werden die Dokumente gelesen?", ["en", "de"], "de"),
        ("Where are the documents read?", ["de", "en"], "en"),
        ("Où sont lus les documents ?", ["de", "en"], None),
        ("检索的文档在哪里", ["en", "zh"], "zh"),
        ("检索的文档在哪里", ["en"], "en"),
        ("documents", [], "und"),
    ],
)
def test_a_question_is_analysed_in_its_own_language_where_the_index_has_it(
    question: str, languages: list[str], language: str | None
) -> None:
    expected = [query_terms(question, languages=[one]) for one in ([language] if language else languages)]
    assert query_terms(question, languages=languages) in expected


def test_a_question_to_an_index_of_one_language_asks_for_no_detection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyzer, "detect", None)
    assert query_terms("Reading documents", languages=["en"]) == ["read", "document"]


def test_a_pasted_book_searches_by_its_beginning() -> None:
    found = query_terms(" ".join(f"word{number}" for number in range(20_000)), languages=["en"])
    assert found == [f"word{number}" for number in range(MOST_QUERY_TERMS)]


def test_every_stop_word_is_dropped_from_a_question_in_its_language() -> None:
    for language, words in STOPWORDS.items():
        for word in words:
            assert query_terms(f"{word} 42", languages=[language]) == ["42"], (language, word)


def test_the_cache_of_a_language_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyzer._Expansions, "MOST", 100)
    expanded = analyzer._Expansions("en")
    for number in range(1_000):
        assert expanded[f"words{number}x"] == (f"words{number}x",)
        assert len(expanded) <= 100


@given(st.text(), st.sampled_from(LANGUAGES))
def test_terms_are_never_empty_and_hold_no_whitespace(text: str, language: str) -> None:
    found = terms(text, language=language)
    assert all(term and term.split() == [term] for term in found)
    assert [term.encode().decode() for term in found] == found
    assert set(query_terms(text, languages=[language])) <= set(found)


@given(st.text(), st.sampled_from(LANGUAGES))
def test_the_unicode_form_of_a_text_does_not_matter(text: str, language: str) -> None:
    expected = terms(text, language=language)
    assert terms(unicodedata.normalize("NFD", text), language=language) == expected
    assert terms(unicodedata.normalize("NFKC", text), language=language) == expected


@given(st.text(st.characters(max_codepoint=0x24F)), st.text(st.characters(max_codepoint=0x24F)))
def test_the_terms_of_two_lines_are_those_of_each(one: str, other: str) -> None:
    assert terms(f"{one}\n{other}", language="en") == terms(one, language="en") + terms(other, language="en")
