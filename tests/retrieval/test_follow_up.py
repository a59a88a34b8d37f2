"""Which questions point back to what was said before, and which stand alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.retrieval.follow_up import LONGEST, points_back

BACK = [
    "Who leads it?",
    "And for interns?",
    "And the turbot?",
    "Why?",
    "Why not?",
    "How so?",
    "What about its budget for next year?",
    "How about contractors?",
    "Where does she work?",
    "When did they release it?",
    "How much does it cost?",
    "How much paper does it need?",
    "How many days in advance must employees request it?",
    "Is it allowed?",
    "Is it available in German?",
    "What was their budget?",
    "Who approves their trips?",
    "Who leads its development?",
    "Does that apply to interns?",
    "What does that mean?",
    "What does this mean?",
    "Which one is cheaper?",
    "Which ones?",
    "Is the second one older?",
    "Who works there?",
    "For contractors?",
    "In winter?",
    "Interns too?",
    "Contractors as well?",
    "Then what?",
    "But what if I am ill?",
    "Or in Portugal?",
    "So who decides?",
    "Tell me more",
    "Is it the same for interns?",
    "Did Ana like it?",
    "What happens after that?",
    "Who wrote these?",
    "Are those still valid?",
    "What did you just mentioned about leave?",
    "When?",
    "How long?",
    "What else?",
    "Can he travel first class?",
    "Does she report to him?",
    "Does the latter cost more?",
    "Und für Praktikanten?",
    "Wer leitet es?",
    "Was ist mit den Praktikanten?",
    "Warum?",
    "Gilt das auch im Winter?",
    "Wie hoch ist seine Vergütung?",
    "Wann wurde er gebaut?",
    "Et pour les stagiaires ?",
    "Pourquoi ?",
    "Quand est-elle partie ?",
    "Combien coûte-t-il ?",
    "Qu'est-ce que cela signifie ?",
    "Qui dirige ce projet ?",
    "¿Y para los becarios?",
    "¿Por qué?",
    "¿Quién lo dirige y cuánto cuesta eso?",
    "¿Cuándo se publicó ese informe?",
    "那么实习生呢？",
    "为什么？",
    "它什么时候发布？",
    "他们的预算是多少？",
    "那重叠多少？",
    "А для стажёров?",
    "Почему?",
    "それはいつですか？",
    "E per gli stagisti?",
    "E para os estagiários?",
    "En voor stagiairs?",
]

ALONE = [
    "When does the halibut project ship?",
    "What is IT?",
    "Who runs IT?",
    "Which fonts does the style guide allow?",
    "What is RAG?",
    "How long is a chunk?",
    "Is it allowed to travel first class?",
    "Is it possible for interns to book a flight?",
    "How long does it take to ship the halibut?",
    "Is there a limit on expenses?",
    "Can one employee have two badges?",
    "Can employees carry their leave over to the next year?",
    "Can employees take their leave in winter?",
    "Does Ana get her leave?",
    "What is the capital of France and its population?",
    "If a chunk is too long, how is it split?",
    "If employees fall ill, what must they do?",
    "What must employees do before they travel?",
    "How do I install Chroma and remove it?",
    "Which of our offices in Lund and Graz has more desks a person?",
    "What is the rule that employees must follow?",
    "Who is the lead of the halibut project?",
    "Do all offices have the same rules?",
    "How many days of leave are there this year?",
    "What happens to those who leave early?",
    "Chunk overlap",
    "Parental leave policy",
    "How do the notice periods in Spain and Portugal differ?",
    "Which documents mention that the turbot project has no date yet?",
    "What does the handbook say about sick leave?",
    "May Ana take her unused leave of 2030 in April 2031?",
    "Who may travel in first class?",
    "How is a PDF with two columns read?",
    "What is the IT department's phone number?",
    "What are the opening hours of the canteen in summer?",
    "Does the P-40 pump have a warranty?",
    "What is the difference between chunking and splitting?",
    "How often do backups run, and where are they kept?",
    "Tell me about the halibut project",
    "How many employees does the company have?",
    "When was the contract with Meyer signed?",
    "What is the population of the city where the company has its seat?",
    "For which journeys is first class allowed?",
    "In which year was the company founded?",
    "Wann wird das Heilbutt-Projekt ausgeliefert?",
    "Wie lange gilt die Garantie auf ein Fahrrad?",
    "Gibt es eine Obergrenze für Spesen?",
    "Was müssen Mitarbeiter tun, wenn sie krank sind?",
    "Wie viele Urlaubstage gibt es dieses Jahr?",
    "Darf Bo am 3. Mai 2031 mit dem Zug nach Graz fahren?",
    "Combien de jours de congé y a-t-il par an ?",
    "Quand le projet flétan sera-t-il livré ?",
    "Qu'est-ce que le découpage en passages ?",
    "Le contrat est-il signé ?",
    "Quand faut-il demander un congé ?",
    "Est-il possible de voyager en première classe ?",
    "¿Cuántos días de vacaciones hay este año?",
    "¿Cuándo se entrega el proyecto fletán?",
    "¿Qué dice el manual sobre las bajas por enfermedad?",
    "一个文本块有多长？",
    "比目鱼项目什么时候发布？",
    "员工每年有多少天带薪休假？",
    "如果员工生病，他们该怎么办？",
    "其他办公室的地址是什么？",
    "Когда выйдет проект палтус?",
    "有給休暇は年に何日ありますか？",
    "Quanti giorni di ferie ci sono?",
    "Quantos dias de férias há por ano?",
    "Hoeveel vakantiedagen zijn er?",
]


@pytest.mark.parametrize("question", BACK)
def test_a_question_points_back(question: str):
    assert points_back(question)


@pytest.mark.parametrize("question", ALONE)
def test_a_question_stands_alone(question: str):
    assert not points_back(question)


def test_case_spaces_and_curly_marks_change_nothing():
    assert points_back("  WHO LEADS IT? ")
    assert points_back("Qu’en est-il des stagiaires ?")
    assert not points_back("WHICH FONTS DOES THE STYLE GUIDE ALLOW?")


def test_a_pasted_page_says_itself_what_it_is_about():
    assert not points_back("And it is so. " * LONGEST)


def test_a_question_without_a_word_points_to_nothing():
    assert not points_back("???")
    assert not points_back("")


@given(st.text(max_size=60))
def test_any_text_is_one_or_the_other(question: str):
    assert points_back(question) in (True, False)
