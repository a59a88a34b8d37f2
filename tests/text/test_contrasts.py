"""Opposites, negations, units, directions and what is asked for, in the languages that have lists."""

from __future__ import annotations

import pytest

from ragstone.text.asking import asked_for
from ragstone.text.contrast_words import ASKING, OPPOSITES
from ragstone.text.contrasts import denials, negated, opposed, opposed_texts
from ragstone.text.direction import reversed_to, swapped, swapped_texts
from ragstone.text.proper_names import lacking, proper_names
from ragstone.text.units import units
from ragstone.text.words import NEGATIONS, QUESTIONS


@pytest.mark.parametrize(
    ("first", "second", "language"),
    [
        ("how do i increase speed", "how do i decrease speed", "en"),
        ("increasing the limits", "it decreases the limit", "en"),
        ("best phone", "worst phone", "en"),
        ("with a key", "without a key", "en"),
        ("if i cancel within the trial", "if i cancel outside the trial", "en"),
        ("open until nine", "open after nine", "en"),
        ("innerhalb der frist", "außerhalb der frist", "de"),
        ("dans le délai", "hors du délai", "fr"),
        ("is it a good or a bad idea", "is it a bad or a bad idea", "en"),
        ("wie kann ich die temperatur erhöhen", "wie kann ich die temperatur senken", "de"),
        ("el precio máximo", "el precio mínimo", "es"),
        ("avant la réunion", "après la réunion", "fr"),
        ("prima della riunione", "dopo della riunione", "it"),
        ("o melhor carro", "o pior carro", "pt"),
        ("de voordelen van wind", "de nadelen van wind", "nl"),
        ("înainte de masă", "după masă", "ro"),
        ("kahve sıcak mı", "kahve soğuk mı", "tr"),
        ("как увеличить скорость", "как уменьшить скорость", "ru"),
        ("πριν το φαγητό", "μετά το φαγητό", "el"),
        ("قبل الاجتماع", "بعد الاجتماع", "ar"),
        ("परीक्षा से पहले", "परीक्षा के बाद", "hi"),
        ("trước bữa ăn", "sau bữa ăn", "vi"),
    ],
)
def test_opposites_are_found_in_either_order(first: str, second: str, language: str) -> None:
    assert opposed(first.split(), second.split(), language=language)
    assert opposed(second.split(), first.split(), language=language)


@pytest.mark.parametrize(
    ("first", "second"),
    [("pros and cons of tea", "advantages and disadvantages of tea"), ("more or less tea", "less or more tea")],
)
def test_opposites_that_stand_in_both_texts_oppose_nothing(first: str, second: str) -> None:
    assert opposed(first.split(), second.split(), language="en") is None


@pytest.mark.parametrize(
    ("first", "second", "language"),
    [
        ("如何增加速度", "如何减少速度", "zh"),
        ("速度を上げるには", "速度を下げるには", "ja"),
        ("วิธีเพิ่มความเร็ว", "วิธีลดความเร็ว", "th"),
    ],
)
def test_opposites_are_found_without_spaces(first: str, second: str, language: str) -> None:
    assert opposed_texts(first, second, language=language)
    assert opposed_texts(first, first, language=language) is None


@pytest.mark.parametrize(
    ("text", "language", "count"),
    [
        ("Does it work?", "en", 0),
        ("Does it not work?", "en", 1),
        ("Doesn’t it work?", "en", 1),
        ("Does it work or not?", "en", 0),
        ("Everything except tea, never without milk", "en", 3),
        ("Funktioniert es nicht ohne Strom?", "de", 2),
        ("Je ne sais pas", "fr", 1),
        ("No funciona sin luz", "es", 2),
        ("Can I not go?", "nl", 1),  # taken for Dutch
        ("这个不好", "zh", 1),
        ("是不是好", "zh", 0),
        ("動かない", "ja", 1),
        ("ไม่ทำงาน", "th", 1),
        ("это не работает", "ru", 1),
    ],
)
def test_denials_are_counted(text: str, language: str, count: int) -> None:
    assert denials(text, language=language) == count


@pytest.mark.parametrize("pair", [("legal", "illegal"), ("smokers", "non-smokers"), ("careful", "careless")])
def test_a_word_is_negated_by_its_form(pair: tuple[str, str]) -> None:
    first, second = pair
    assert negated([first], [second], language="en")
    assert negated([second], [first], language="en")
    assert negated([first], [first], language="en") is None


def test_every_language_of_the_older_lists_has_opposites_and_question_words() -> None:
    assert {*QUESTIONS, *NEGATIONS} <= set(OPPOSITES)
    assert set(QUESTIONS) <= set(ASKING)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("5 kg", "5 kilos", True),
        ("5 kg", "5 pounds", False),
        ("30 °C", "30 Celsius", True),
        ("30 °C", "30 °F", False),
        ("$5", "5 dollars", True),
        ("€5", "$5", False),
        ("5 Kilometer", "5 公里", True),
        ("5 公斤", "5 磅", False),
        ("20 m", "20 meters", True),
    ],
)
def test_units_have_one_name(first: str, second: str, same: bool) -> None:
    assert (units(first) == units(second)) is same
    assert units(first)


@pytest.mark.parametrize(
    ("question", "language", "kinds"),
    [
        ("How do I brew tea?", "en", ("way",)),
        ("What is the best way to brew tea?", "en", ("way",)),
        ("How many teas are there?", "en", ("quantity",)),
        ("Why is tea green?", "en", ("reason",)),
        ("What are things to do when bored?", "en", ()),
        ("Can you tell me where tea grows?", "en", ("place",)),
        ("Wer hat den Tee erfunden?", "de", ("person",)),
        ("¿Dónde crece el té?", "es", ("place",)),
        ("Pourquoi le thé est-il vert ?", "fr", ("reason",)),
        ("为什么茶是绿的", "zh", ("reason",)),
        ("お茶はどこで育ちますか", "ja", ("place",)),
        ("когда собирают чай", "ru", ("time",)),
        ("Tea?", "und", ()),
    ],
)
def test_what_is_asked_for(question: str, language: str, kinds: tuple[str, ...]) -> None:
    assert asked_for(question, language=language) == kinds


@pytest.mark.parametrize(
    ("first", "second", "language"),
    [
        ("flights from london to paris", "flights from paris to london", "en"),
        ("convert miles to km", "convert km to miles", "en"),
        ("is tea better than coffee", "is coffee better than tea", "en"),
        ("does alice love bob", "does bob love alice", "en"),
        ("von berlin nach wien", "von wien nach berlin", "de"),
        ("de lyon à nice", "de nice à lyon", "fr"),
        ("из москвы в казань", "из казань в москвы", "ru"),
    ],
)
def test_a_direction_that_is_turned_round_is_seen(first: str, second: str, language: str) -> None:
    assert swapped(first.split(), second.split(), language=language)
    assert swapped(second.split(), first.split(), language=language)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("is tea or coffee better", "is coffee or tea better"),
        ("difference between tea and coffee", "difference between coffee and tea"),
        ("tea vs coffee", "coffee vs tea"),
        ("how do i quickly learn french", "how do i learn french quickly"),
        ("did alice kill bob", "was bob killed by alice"),
    ],
)
def test_another_order_alone_is_no_other_direction(first: str, second: str) -> None:
    assert not swapped(first.split(), second.split(), language="en")


def test_a_direction_is_seen_without_spaces() -> None:
    assert swapped_texts("从北京到上海", "从上海到北京", language="zh")
    assert not swapped_texts("北京和上海", "上海和北京", language="zh")


@pytest.mark.parametrize(
    ("text", "other", "missing"),
    [
        ("Who is Ana Ruiz?", "Who is Ben Ruiz?", ("ana",)),
        ("Is it the US?", "Is it the United States?", ()),
        ("Is it the United States?", "Is it the USA?", ("united", "states")),
        ("Is it legal in Mexico?", "Is it legal for a Mexican?", ()),
        ("How good is You Tube?", "How good is youtube?", ()),
        ("Is C++ hard?", "Is C# hard?", ("c++",)),
        ("Was Iran right?", "Was Iraq right?", ("iran",)),
        ("Is it an iPhone 6s?", "Is it an iPhone 6?", ("6s",)),
    ],
)
def test_a_name_that_the_other_text_lacks(text: str, other: str, missing: tuple[str, ...]) -> None:
    words, others = (tuple(word.strip("?") for word in one.casefold().split()) for one in (text, other))
    assert lacking(proper_names(text, language="en"), others, own=words, language="en") == missing


@pytest.mark.parametrize(
    ("first", "second", "language"),
    [
        ("who approves travel to berlin", "who approves travel from berlin", "en"),
        ("how do i migrate to the new plan", "how do i migrate from my new plan", "en"),
        ("arguments for a union", "arguments against a union", "en"),
        ("wann fährt der zug nach köln", "wann fährt der zug von köln", "de"),
        ("vuelos hacia madrid", "vuelos desde madrid", "es"),
    ],
)
def test_to_a_thing_is_not_from_it(first: str, second: str, language: str) -> None:
    assert reversed_to(first.split(), second.split(), language=language)
    assert reversed_to(second.split(), first.split(), language=language)
    assert not reversed_to(first.split(), first.split(), language=language)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("how to work from home", "how do i work from home"),
        ("the road from oslo to rome", "the road to rome from oslo"),
        ("how far is it to berlin", "how far is it from berlin"),
        ("how is tea different to coffee", "how is tea different from coffee"),
        ("deaths due to smoking", "deaths from smoking"),
        ("what to learn from history", "what can i learn from history"),
        ("go to", "go from"),
    ],
)
def test_to_and_from_that_say_the_same_are_let_through(first: str, second: str) -> None:
    assert not reversed_to(first.split(), second.split(), language="en")
    assert not reversed_to(second.split(), first.split(), language="en")
