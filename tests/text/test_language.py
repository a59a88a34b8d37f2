from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.text.language import UNKNOWN, detect


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "How do I read a document that was written by someone else?"),
        ("de", "Wie wird ein Dokument gelesen?"),
        ("fr", "Comment lire un document ?"),
        ("es", "¿Cómo se puede leer un documento?"),
        ("it", "Come si può leggere questo documento?"),
        ("pt", "Qual é a capital do Brasil?"),
        ("nl", "Hoe kan ik dit document lezen?"),
        ("pl", "Jak przeczytać ten dokument?"),
        ("sv", "Hur kan jag läsa det här dokumentet?"),
        ("tr", "Bu belgeyi nasıl okuyabilirim?"),
        ("vi", "Làm thế nào để đọc tài liệu này?"),
        ("ro", "Cum pot să citesc acest document în română?"),
        ("ru", "Как прочитать этот документ?"),
        ("uk", "Як прочитати цей документ українською?"),
        ("el", "Πώς διαβάζω αυτό το έγγραφο;"),
        ("ar", "كيف أقرأ هذه الوثيقة؟"),
        ("fa", "چگونه این سند را بخوانم؟"),
        ("he", "איך קוראים את המסמך הזה?"),
        ("hi", "मैं यह दस्तावेज़ कैसे पढ़ूँ?"),
        ("th", "ฉันจะอ่านเอกสารนี้ได้อย่างไร"),
        ("zh", "检索增强生成是什么？"),
        ("ja", "この文書はどうやって読みますか。"),
        ("ko", "이 문서를 어떻게 읽나요?"),
    ],
)
def test_names_the_language(language: str, text: str) -> None:
    assert detect(text) == language


@pytest.mark.parametrize("text", ["", " \n", "42", "3.14 + 2 = ?", "…", "😀", "ᚠᚢᚦ"])
def test_says_so_when_nothing_tells(text: str) -> None:
    assert detect(text) == UNKNOWN


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "vLLM 的 prefix caching 是什么"),
        ("ru", "Как настроить prefix caching?"),
        ("ja", "東京大学の歴史"),
        ("zh", "「の」是什么意思，怎么使用这个日语助词呢"),
        ("en", "The word 检索 means retrieval in Chinese."),
    ],
)
def test_a_text_in_two_scripts_is_in_the_one_that_carries_it(language: str, text: str) -> None:
    assert detect(text) == language


def test_capitals_are_read_like_small_letters() -> None:
    assert detect("WIE WIRD EIN DOKUMENT GELESEN UND GESPEICHERT") == "de"


def test_a_short_question_is_taken_for_a_language_that_is_likely() -> None:
    assert detect("ingest documents", among=["en", "de"]) == "en"
    assert detect("Index löschen", among=["en", "de"]) == "de"


def test_between_languages_as_likely_the_first_wins_where_the_text_tells_nothing() -> None:
    assert detect("xq", among=["de", "en"]) == "de"
    assert detect("xq", among=["en", "de"]) == "en"


def test_a_script_of_which_no_language_is_likely_still_decides() -> None:
    assert detect("检索是什么", among=["en", "de"]) == "zh"


def test_only_the_beginning_of_a_long_text_counts() -> None:
    assert detect("This is a sentence in English. " * 200 + "Dies ist Deutsch. " * 1000) == "en"


def test_a_script_that_decides_costs_no_profile() -> None:
    code = (
        "import sys\n"
        "from ragstone.text import language\n"
        "assert language.detect('检索是什么') == 'zh'\n"
        "assert language.detect('What is it?', among=['en', 'zh']) == 'en'\n"
        "assert language._profile.cache_info().currsize == 0\n"
        "assert 'langdetect' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@given(st.text())
def test_any_text_has_one_answer(text: str) -> None:
    found = detect(text)
    assert found == detect(text)
    assert found == UNKNOWN or len(found) == 2


@given(st.text(), st.lists(st.sampled_from(["en", "de", "zh", "ru", "xx"]), unique=True))
def test_an_expectation_never_changes_the_script(text: str, among: list[str]) -> None:
    assert (detect(text, among=among) == UNKNOWN) <= (detect(text) in (UNKNOWN, *among) or not among)
