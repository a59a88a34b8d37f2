"""Where sentences begin and end, in any language that marks their ends, and sensibly in those that do not.

Rules and no model: a full stop is judged by the word before it and the letter after it. Markdown is read as far as it
says where a thought ends: a heading, a list item, a table row and a fenced block each stand alone. A single line break
inside a paragraph means nothing, since text from PDF files breaks where the page did.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

__all__ = ["LONGEST", "ends_sentence", "sentences"]

LONGEST = 600
"""Characters; a longer sentence is cut at its best inner pause."""

_LONGEST_UNMARKED = 200  # in scripts that mark no sentence ends, where a space already is a pause

_UNMARKED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")  # Thai, Lao, Burmese, Khmer
_WORD = re.compile(r"[^\W_]")
_INK = re.compile(r"\S")

# ── Blocks ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_LINE = re.compile(r"[^\n]*\n?")
_FENCE = re.compile(r"^[ \t]*(?P<mark>```|~~~)[`~]*(?P<info>[^\n]*)", re.MULTILINE)
_ALONE = re.compile(r"[ \t]*(?:#{1,6}[ \t]|\|)")  # a heading, a table row
_OPENS = re.compile(r"[ \t]*(?:[-*+•‣◦▪●–>][ \t]|\(?\d{1,3}[.)][ \t]|\(?[a-z]\)[ \t])")  # a list item, a quotation
_RULE = re.compile(r"\|?[ \t]*[:=-][ \t:|=-]*")  # under a heading or a table's head: it belongs to that

# ── Stops ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_HARD = "。！？｡।॥؟۔։።။។༎"  # they end a sentence whatever follows
_STOP = re.compile(
    rf"""(?: [{_HARD}]+ | ．(?!\d) | [.!?…]+ (?:[ ][.!?…](?=\s|$))* | (?<=[\u0370-\u03ff\u1f00-\u1fff]); )
    (?: ["'”’»›)\]}}」』】）》〉*_`{_HARD}] | [ \u00a0\u202f]» | \[\d{{1,3}}\] )*  # closing marks and numbers of notes
    """,
    re.VERBOSE,
)
_NEXT = re.compile(r"[\s\"'“‘„«‹(\[{*_`¿¡—–-]*(?P<word>[^\W_]+|\S)?(?P<dot>\.?)")
_SPACELESS = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_INITIALS = re.compile(r"(?:[^\W\d_]\.\s?)*[^\W\d_]")
_MARKER = re.compile(r"\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NEVER_LAST = _words(
    """mr mrs ms messrs dr drs prof st ste mt gen col lt capt cpt sgt cmdr rev hon gov sen rep pres supt vs cf viz ca
    approx resp bzw ggf vgl evtl sog inkl zzgl exkl dipl ing hr hrn frl geb gegr jhdt insb insbes mind max min mme
    mlle mgr env sr sra srta dra dña ud uds avda sig sigg dott avv ecc bijv dhr mevr см им ул стр рис тел гл проф акад
    тов напр sayın doç yrd th tp ts ths"""
)
_BEFORE_NUMBER = _words(
    """no nos nr núm num pág págs pag p pp vol vols fig figs sec sect ch chap art arts eq eqs ref refs tab tbl abb
    abs kap bd aufl par para ver v jan feb mar mär apr jun jul aug sep sept oct okt nov dec dez рис табл"""
)
_OPENERS = _words(
    """the a an he she it they we i in on at this that these those there but and however as when while if for from
    its his her their our my you what which who why how where after before since although der die das ein eine er sie
    es wir im am und aber dies diese dieser bei nach seit le la les il elle ils un une dans en ce cette el los las lo
    una para pero este esta o os um uma het een de"""
)
_AFTER_ORDINAL = _words(
    """januar jänner februar märz april mai juni juli august september oktober november dezember jahrhundert
    jahrhunderts jahrhunderte"""
)


def sentences(text: str) -> list[tuple[int, int]]:
    """The ranges of the sentences, in order, without the whitespace around them.

    Every character that is not whitespace lies in exactly one of them.

    >>> text = "Dr. Grey measured 3.5 mm. It held!"
    >>> [text[start:end] for start, end in sentences(text)]
    ['Dr. Grey measured 3.5 mm.', 'It held!']
    """
    found: list[tuple[int, int]] = []
    for start, end, prose in _blocks(text):
        for piece in _stopped(text, start, end) if prose else [(start, end)]:
            found.extend(_shortened(text, *piece))
    return found


def ends_sentence(text: str, at: int, end: int) -> bool:
    """Whether the stop at a place ends a sentence, by what stands before it and after it up to `end`."""
    end = min(end, len(text))
    stop = _STOP.match(text, at, end)
    return stop is not None and _ends(text, stop, 0, end, cased=True)


def _blocks(text: str) -> Iterator[tuple[int, int, bool]]:
    """Ranges that no sentence crosses, and whether each is prose; a fenced block is not."""
    start = at = 0
    while at < len(text):
        line = _LINE.match(text, at)
        assert line is not None
        end = line.end()
        if (closing := _closing_fence(text, at)) is not None:
            yield start, at, True
            yield at, closing, False
            start = end = closing
        elif not line[0].strip():
            yield start, end, True
            start = end
        elif _ALONE.match(line[0]):
            yield start, at, True
            end = _with_rule(text, end)
            yield at, end, False
            start = end
        elif _OPENS.match(line[0]):
            yield start, at, True
            start = at
        elif start < at and _RULE.fullmatch(line[0].strip()):
            yield start, end, True
            start = end
        at = end
    yield start, len(text), True


def _closing_fence(text: str, at: int) -> int | None:
    """Where the fenced block that opens at this line ends; None where none opens."""
    opening = _FENCE.match(text, at)
    if opening is None:
        return None
    for fence in _FENCE.finditer(text, opening.end()):
        if fence["mark"] == opening["mark"]:
            # A fence with an info string opens a block, so ours was the end of one whose opening was cut off.
            return None if fence["info"].strip() else fence.end()
    return None


def _with_rule(text: str, at: int) -> int:
    """The end of the rule under a table's head, where the line that begins here is one; else the place itself."""
    line = _LINE.match(text, at)
    return line.end() if line and _RULE.fullmatch(line[0].strip()) else at


def _stopped(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cuts a block at the stops that end a sentence. What holds no letter or digit stays with the one before it."""
    cased = not text[start:end].islower()
    first = last = start
    worded, pending = False, None
    for stop in _STOP.finditer(text, start, end):
        worded = worded or _WORD.search(text, last, stop.start()) is not None
        last = stop.end()
        if not worded or not _ends(text, stop, start, end, cased):
            continue
        if pending is not None:
            yield pending
        pending, first, worded = (first, last), last, False
    if pending is None:
        yield start, end
    elif worded or _WORD.search(text, last, end):
        yield pending
        yield first, end
    else:
        yield pending[0], end


def _ends(text: str, stop: re.Match[str], start: int, end: int, cased: bool) -> bool:
    """Whether a sentence ends at this stop of the block [start, end)."""
    after = _NEXT.match(text, stop.end(), end)
    word = after["word"] if after else None
    if not after or not word:
        return True
    if stop[0][0] in _HARD:
        return word not in "，、；：,;:"
    touching = stop.end() < end and not text[stop.end()].isspace()
    if touching and not _SPACELESS.match(text, stop.end()):
        return False
    if word in ",;:" or (cased and word[0].islower()):
        return False
    return stop[0][0] != "." or stop[0].startswith("..") or _full_stop(text, stop.start(), start, after)


def _full_stop(text: str, at: int, start: int, after: re.Match[str]) -> bool:
    """Whether the dot at this place is more than the end of an abbreviation, an initial or an ordinal number."""
    tail = text[max(start, at - 30) : at]
    before = tail.split()[-1].lstrip("([{\"'“‘„«*_") if tail and not tail[-1].isspace() else ""
    following = after["word"].casefold()
    if not before:
        return True
    if at - start < len(tail) + 1 and tail.strip() == before and _MARKER.fullmatch(before):
        return False  # "1. First": the marker of a list item
    folded = before.casefold()
    if folded in _NEVER_LAST:
        return False
    if folded in _BEFORE_NUMBER and following[0].isdigit():
        return False
    if before.isdigit() and len(before) <= 2:
        return following not in _AFTER_ORDINAL
    if folded == "al" or _INITIALS.fullmatch(before):
        return following in _OPENERS and not after["dot"]
    return True


def _shortened(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The range without the whitespace around it, cut where it is too long; nothing for a blank one."""
    longest = _LONGEST_UNMARKED if _UNMARKED.search(text, start, end) else LONGEST
    while (ink := _INK.search(text, start, end)) is not None:
        start = ink.start()
        stop = start + len(text[start:end].rstrip()) if end - start <= 2 * longest else end
        if stop - start <= longest:
            yield start, stop
            return
        cut = _pause(text, start, start + longest)
        yield start, start + len(text[start:cut].rstrip())
        start = cut


_PAUSES = tuple(re.compile(pattern) for pattern in (r"[;:；：\n]\s*", r"[,，、،]\s*", r"\s+"))


def _pause(text: str, start: int, end: int) -> int:
    """The best place in the second half of a range to cut it: after a semicolon or line, a comma, a space, anywhere."""
    middle = (start + end) // 2
    for pause in _PAUSES:
        places = [match.end() for match in pause.finditer(text, middle, end)]
        if places:
            return places[-1]
    while end > middle and unicodedata.category(text[end]).startswith("M"):
        end -= 1  # a mark stays with its letter
    return end
