"""Other words for the same question, made by rules: for fitting where no labelled questions may be used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

__all__ = ["rewritten"]

OPENINGS = (
    (r"^What is the best way to (.+)$", (r"How can I \1", r"How do I \1", r"What's the easiest way to \1")),
    (
        r"^How (?:do|can) (?:I|you|we) (.+)$",
        (r"What is the best way to \1", r"How should I \1", r"What are some ways to \1"),
    ),
    (
        r"^(What|Which) (is|are|was|were) (.+)$",
        (r"Can you tell me \1 \3 \2", r"Do you know \1 \3 \2", r"\1 exactly \2 \3"),
    ),
    (r"^What (.+)$", (r"Which \1", r"So what \1", r"I want to know: what \1")),
    (r"^Which (.+)$", (r"What \1", r"Tell me which \1")),
    (r"^Who (was|is) (.+)$", (r"Can you tell me who \2 \1", r"Who exactly \1 \2")),
    (r"^Who (.+)$", (r"Which person \1", r"I'd like to know who \1")),
    (
        r"^Why (do|does|did|is|are|was|were) (.+)$",
        (r"What is the reason why \2", r"How come \2", r"For what reason \1 \2"),
    ),
    (
        r"^When (did|was|is|were|does) (.+)$",
        (r"At what time \1 \2", r"What was the date when \2", r"When exactly \1 \2"),
    ),
    (r"^Where (did|was|is|are|were|does) (.+)$", (r"In which place \1 \2", r"At what location \1 \2")),
    (r"^How many (.+)$", (r"What is the number of \1", r"What number of \1", r"How many different \1")),
    (r"^(Is|Are|Was|Were|Do|Does|Did|Can) (.+)$", (r"I wonder: \1 \2", r"Tell me, \1 \2", r"Please say: \1 \2")),
)
SYNONYMS = (
    "begin start|big large|buy purchase|help assist|show demonstrate|use utilize|make create|find locate|get obtain|"
    "need require|fast quickly|important significant|people persons|reason cause|kind type|kinds types|end finish|"
    "happen occur|happened occurred|called named|build construct|built constructed|main primary|area region|"
    "goal aim|live reside|lived resided|wanted desired|begun started|children kids|father dad|film movie|job work|"
    "money funds|choose select|chosen selected|change alter|changed altered|give provide|given provided|gave provided|"
    "speak talk|think believe|thought believed|difficult hard|famous well-known|company firm|doctor physician|"
    "war conflict|increase rise|law statute|number amount|often frequently|started began|died passed away|"
    "method approach|result outcome|purpose goal|part portion|allowed permitted|received got|located situated"
)
PAIRS = {
    word: other
    for pair in SYNONYMS.split("|")
    for one, two in [pair.split(" ", 1)]
    for word, other in ((one, two), (two, one))
    if " " not in word
}
SHORTENED = (
    ("What is", "What's"),
    ("what is", "what's"),
    ("do not", "don't"),
    ("is not", "isn't"),
    ("did not", "didn't"),
)
ADDED = ("Please tell me: {}", "{} Please explain.", "Hi, {}", "{} Any ideas?", "Quick question: {}", "{} Thanks!")
IDLE = re.compile(r"\b(?:the|a|an|really|exactly|actually|of the|any|some|all|very|also)\s", re.IGNORECASE)


def rewritten(question: str, lot: Random) -> str | None:
    """The question in other words, by one to four rules; None where none applies."""
    rules = [_opened, _opened, _exchanged, _exchanged, _shortened, _framed, _thinned, _lowered, _moved]
    made = question
    for _ in range(lot.choice((1, 2, 2, 3, 4))):
        made = lot.choice(rules)(made, lot)
    return made if made.casefold().strip(" ?.!") != question.casefold().strip(" ?.!") else None


def _opened(text: str, lot: Random) -> str:
    for pattern, others in OPENINGS:
        if re.match(pattern, text):
            return re.sub(pattern, lot.choice(others), text)
    return text


def _exchanged(text: str, lot: Random) -> str:
    """With one word of the list for another."""
    words = text.split(" ")
    places = [at for at, word in enumerate(words) if word.strip("?,.").casefold() in PAIRS]
    if not places:
        return text
    at = lot.choice(places)
    bare = words[at].strip("?,.")
    words[at] = words[at].replace(bare, PAIRS[bare.casefold()])
    return " ".join(words)


def _shortened(text: str, lot: Random) -> str:
    for whole, short in SHORTENED:
        if whole in text:
            return text.replace(whole, short, 1)
    return text


def _framed(text: str, lot: Random) -> str:
    return lot.choice(ADDED).format(text) if lot.random() < 0.4 else text


def _thinned(text: str, lot: Random) -> str:
    """Without a word that says little."""
    found = [*IDLE.finditer(text)]
    if not found:
        return text
    chosen = lot.choice(found)
    return text[: chosen.start()] + text[chosen.end() :]


def _lowered(text: str, lot: Random) -> str:
    return text.casefold() if lot.random() < 0.3 else text.rstrip("?")


def _moved(text: str, lot: Random) -> str:
    """With its last phrase in front: "In 1900, who ruled Spain?"."""
    found = re.match(r"^(.+?) ((?:in|at|on|during|after|before|for|from|under) (?:\S+ ){0,4}\S+)\?$", text)
    if found is None:
        return text
    rest, phrase = found.groups()
    return f"{phrase[0].upper()}{phrase[1:]}, {rest[0].lower()}{rest[1:]}?"


def several(question: str, lot: Random, count: int) -> Iterator[str]:
    """So many different rewrites at most."""
    made = {rewritten(question, lot) for _ in range(3 * count)} - {None}
    yield from sorted(filter(None, made))[:count]
