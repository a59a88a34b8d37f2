"""Rules about the words themselves, and about characters that nobody sees."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from ragstone.prompts.lint.finding import Fault
from ragstone.prompts.reading import Piece, Reading
from ragstone.text.language import UNKNOWN, detect

__all__ = [
    "invisible",
    "left_over",
    "long_instruction",
    "mixed_languages",
    "negations",
    "repeated_line",
    "secret",
    "shouting",
    "special_token",
    "trailing_space",
]

LONGEST = 1_200  # words of one prompt
FEWEST_WORDS = 20  # a language is not judged by fewer
MOST_NEGATIONS = 6
MOST_CAPITALS = 4  # words in capitals in a row; an acronym or two are none

_JOINERS = {"\u200c", "\u200d"}  # scripts and emoji need them between two of their characters
_FILLERS = {"\u115f", "\u1160", "\u3164", "\uffa0", "\u2800", "\u034f"}  # letters and marks with no ink
_TOKEN = re.compile(
    r"<\|[\w ]{1,40}\|>|<｜[^｜>]{1,40}｜>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>"
    r"|\[/?(?:AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT)\]"
)
_SECRET = re.compile(
    r"\b(?:sk-[\w-]{16,}|gh[pousr]_\w{20,}|AKIA[0-9A-Z]{16}|xox[abp]-[\w-]{10,}|hf_\w{20,}|glpat-[\w-]{16,}"
    r"|eyJ[\w-]{10,}\.eyJ[\w-]{10,})|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_LEFT_OVER = re.compile(
    r"\b(?:TODO|FIXME|XXX|TBD)\b|\blorem ipsum\b|\[(?:insert|your|fill in|add) [^\]]{1,60}\]"
    r"|<(?:insert|your) [^>]{1,60}>",
    re.IGNORECASE,
)
_CAPITALS = re.compile(rf"\b[A-Z]{{2,}}(?: +[A-Z]{{2,}}){{{MOST_CAPITALS - 1},}}\b")
_NEGATION = re.compile(
    r"\b(?:do not|don't|never|must not|mustn't|cannot|can't|should not|shouldn't|avoid|no)\b", re.IGNORECASE
)
_SENTENCE = re.compile(r"[.!?:](?:\s|$)")


def invisible(reading: Reading) -> Iterator[Fault]:
    """A character that takes no room, anywhere in the file or in what it includes."""
    for line in reading.lines:
        for column, character in enumerate(line.text):
            if _unseen(character) and not (character in _JOINERS and _joins(line.text, column)):
                name = unicodedata.name(character, "a control character")
                yield Fault(
                    line.where(column),
                    f"an invisible character: U+{ord(character):04X} {name.lower()}",
                    "Delete it: put the cursor behind it and press backspace once, or type the line again.",
                )
                break  # one place in a line is enough to look at it


def _unseen(character: str) -> bool:
    return character in _FILLERS or (
        unicodedata.category(character) in ("Cf", "Cc", "Co", "Zl", "Zp") and character != "\t"
    )


def _joins(text: str, column: int) -> bool:
    around = text[max(column - 1, 0) : column] + text[column + 1 : column + 2]
    return len(around) == 2 and not around.isascii()


def special_token(reading: Reading) -> Iterator[Fault]:
    """A token by which a model's own format marks roles."""
    for piece in reading.words:
        yield from _matches(
            piece,
            _TOKEN,
            "{} is a special token of a model's own format",
            "Take it out. Roles are the lines system:, user: and assistant:.",
        )


def secret(reading: Reading) -> Iterator[Fault]:
    """What looks like a key or a password."""
    for line in reading.lines:
        if found := _SECRET.search(line.text):
            yield Fault(
                line.where(found.start()),
                f"'{found[0][:6]}…' looks like a secret key",
                "Take it out, and have the key replaced where it was made: whoever read this file knows it.",
            )


def left_over(reading: Reading) -> Iterator[Fault]:
    """A note to oneself that would be sent."""
    for piece in reading.words:
        yield from _matches(piece, _LEFT_OVER, "{} was left in the words", "Write what belongs there, or take it out.")


def shouting(reading: Reading) -> Iterator[Fault]:
    """Capitals and exclamation marks in place of a reason."""
    for piece in reading.words:
        pattern = _CAPITALS if _CAPITALS.search(piece.text) else re.compile(r"!{2,}")
        yield from _matches(piece, pattern, "{} shouts", "Say it once in plain words, with the reason.")


def negations(reading: Reading) -> Iterator[Fault]:
    """A prompt that mostly says what not to do."""
    found = [piece for piece in reading.words if _NEGATION.search(piece.text)]
    sentences = sum(len(_SENTENCE.findall(piece.text)) for piece in reading.words)
    if len(found) >= MOST_NEGATIONS and 2 * len(found) > sentences:
        yield Fault(
            found[0].where,
            f"{len(found)} lines say what not to do, of about {max(sentences, len(found))} sentences",
            "Say what to do in their place: 'Answer in two sentences', not 'do not be long'.",
        )


def long_instruction(reading: Reading) -> Iterator[Fault]:
    """More words than a person reads through."""
    words = sum(len(piece.text.split()) for piece in reading.words)
    if words > LONGEST:
        first = next(iter(reading.words))
        yield Fault(
            first.where,
            f"the prompt has {words:,} words of its own",
            f"Keep what changes the answers, at most {LONGEST:,} words: leave a sentence out, and see what it changes.",
        )


def repeated_line(reading: Reading) -> Iterator[Fault]:
    """The same line of instruction twice."""
    seen: dict[str, Piece] = {}
    for piece in reading.words:
        line = " ".join(piece.text.split()).lower()
        before = seen.setdefault(line, piece)
        if before is not piece and len(line.split()) > 4 and before.meets(piece):
            yield Fault(
                piece.where,
                f"this line stands in the prompt already, at {before.where.rsplit(':', 1)[0].rsplit('/', 1)[-1]}",
                "Keep one of the two.",
            )


def trailing_space(reading: Reading) -> Iterator[Fault]:
    """Spaces at the end of a line, which are sent."""
    for line in reading.lines:
        if line.text != line.text.rstrip(" \t"):
            column = len(line.text.rstrip(" \t"))
            yield Fault(line.where(column), "spaces at the end of the line", "Delete them.")


def mixed_languages(reading: Reading) -> Iterator[Fault]:
    """Messages in two languages."""
    first = ""
    for number in range(len(reading.messages)):
        words = [piece for piece in reading.words if piece.message == number]
        said = " ".join(piece.text for piece in words)
        language = detect(said) if len(said.split()) >= FEWEST_WORDS else UNKNOWN
        if language == UNKNOWN:
            continue
        if first and language != first:
            yield Fault(
                words[0].where,
                f"this message is written in '{language}', the one before it in '{first}'",
                "Write all messages in one language; the answer's language is a matter of an instruction.",
            )
        first = first or language


def _matches(piece: Piece, pattern: re.Pattern[str], message: str, fix: str) -> Iterator[Fault]:
    for found in pattern.finditer(piece.text):
        yield Fault(piece.at(found.start()), message.format(f"'{found[0]}'"), fix)
