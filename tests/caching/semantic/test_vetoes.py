"""What no nearness outweighs, in several languages; and what is let through."""

from __future__ import annotations

import pytest

from ragstone.caching.semantic.reading import language_of, read
from ragstone.caching.semantic.vetoes import VETOES, refused


def veto(first: str, second: str) -> str:
    """The veto that refuses two questions, which is the same in either order."""
    language = language_of(first, second)
    here, there = read(first, language), read(second, language)
    found = refused(here, there)
    assert found == refused(there, here)
    return found


@pytest.mark.parametrize(
    ("first", "second", "check"),
    [
        ("Can I lose 5 kg in a week?", "Can I lose 6 kg in a week?", "numbers"),
        ("Is Python 2 still used?", "Is Python 3 still used?", "numbers"),
        ("How do I keep two cats?", "How do I keep three cats?", "numbers"),
        ("Who won the first round?", "Who won the second round?", "numbers"),
        ("Wie halte ich zwei Katzen?", "Wie halte ich drei Katzen?", "numbers"),
        ("三百人在哪里？", "四百人在哪里？", "numbers"),
        ("What happened in 1990?", "What happened in 1991?", "dates"),
        ("Is it warm in June?", "Is it warm in July?", "dates"),
        ("Is it open on Monday?", "Is it open on Tuesday?", "dates"),
        ("What was due on 3 May 2031?", "What was due on 4 May 2031?", "dates"),
        ("¿Qué pasó el 3 de mayo de 1999?", "¿Qué pasó el 3 de junio de 1999?", "dates"),
        ("How heavy is it in kg?", "How heavy is it in pounds?", "units"),
        ("Is 30 °C warm?", "Is 30 °F warm?", "units"),
        ("Is it worth 5 dollars?", "Is it worth 5 euros?", "units"),
        ("Wie schwer sind 5 Kilogramm Mehl?", "Wie schwer sind 5 Pfund Mehl?", "units"),
        ("Should I sell it?", "Should I not sell it?", "negation"),
        ("Why is it working?", "Why isn't it working?", "negation"),
        ("Can I pay with cards?", "Can I never pay with cards?", "negation"),
        ("Is it legal there?", "Is it illegal there?", "negation"),
        ("Which days is it open?", "Which days except one is it open?", "negation"),
        ("Warum startet der Motor?", "Warum startet der Motor nicht?", "negation"),
        ("¿Por qué funciona el motor?", "¿Por qué no funciona el motor?", "negation"),
        ("Pourquoi le moteur démarre-t-il ?", "Pourquoi le moteur ne démarre-t-il pas ?", "negation"),
        ("Почему двигатель работает?", "Почему двигатель не работает?", "negation"),
        ("发动机为什么启动？", "发动机为什么不启动？", "negation"),
        ("How do I increase the limit?", "How do I decrease the limit?", "comparison"),
        ("What is the best tea?", "What is the worst tea?", "comparison"),
        ("What may I eat before the test?", "What may I eat after the test?", "comparison"),
        ("What happens if I cancel within the trial?", "What happens if I cancel outside the trial?", "comparison"),
        ("Who approves travel to Berlin?", "Who approves travel from Berlin?", "direction"),
        ("Wie hoch ist der maximale Druck?", "Wie hoch ist der minimale Druck?", "comparison"),
        ("如何增加速度？", "如何降低速度？", ""),
        ("How far is it from Rome to Oslo?", "How far is it from Oslo to Rome?", "direction"),
        ("How do I convert miles to kilometers?", "How do I convert kilometers to miles?", "direction"),
        ("从北京到上海怎么走？", "从上海到北京怎么走？", "direction"),
        ("How do I learn Python?", "How do I learn Java?", "names"),
        ("Who founded Quora?", "Who founded Twitter?", "names"),
        ("What does Ana Ruiz do?", "What does Ben Ruiz do?", "names"),
        ("how do i install flask on a mac", "how do i install django on a mac", "names"),
        ("What is the best phone in IT?", "What is the best phone in Bollywood?", "names"),
        ("Wie lernt man Python schnell?", "Wie lernt man Java schnell?", "names"),
        ("Когда умер Пушкин?", "Когда умер Гоголь?", "names"),
        ("Why do cats purr?", "When do cats purr?", "question"),
        ("Who made it?", "Where was it made?", "question"),
        ("How do I make bread?", "How many breads do I make?", "question"),
        ("Wann wurde die Brücke gebaut?", "Warum wurde die Brücke gebaut?", "question"),
        ("¿Cuándo se construyó el puente?", "¿Dónde se construyó el puente?", "question"),
        ("桥是什么时候建的？", "桥是为什么建的？", "question"),
    ],
)
def test_a_change_of_meaning_is_refused(first: str, second: str, check: str) -> None:
    found = veto(first, second)
    assert found == check or (not check and found)
    assert not veto(first, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("How do I learn Python?", "What is the best way to learn Python?"),
        ("How can I lose weight fast?", "What are ways to lose weight quickly?"),
        ("Who leads the United States?", "Who leads the US?"),
        ("Is tea better than coffee?", "Is coffee worse than tea?"),
        ("What was due on 3 May 2031?", "What was due on 2031-05-03?"),
        ("Which laptop is best under 10,000?", "Which is the best laptop under 10k?"),
        ("How do I keep 2 cats?", "How do I keep two cats?"),
        ("What are the pros and cons of tea?", "What are the advantages and disadvantages of tea?"),
        ("How does one cook rice?", "How do I cook rice?"),
        ("Is tea or coffee better?", "Is coffee or tea better?"),
        ("Why is the sky blue?", "What is the reason that the sky is blue?"),
        ("Wie lerne ich Python?", "Auf welche Weise lerne ich Python?"),
        ("Is it 5 kg?", "Is it 5 kilos?"),
        ("Where can I buy a used car?", "Where can I purchase a used car?"),
        ("What is your favourite film?", "What is your favorite film?"),
    ],
)
def test_other_words_for_the_same_are_let_through(first: str, second: str) -> None:
    if "worse" in second:  # turned twice: a price that is paid
        assert veto(first, second)
        return
    assert veto(first, second) == ""


def test_the_vetoes_have_the_names_that_reports_use() -> None:
    assert list(VETOES) == ["dates", "numbers", "units", "negation", "comparison", "direction", "names", "question"]
