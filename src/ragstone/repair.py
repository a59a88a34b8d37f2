"""Reads JSON as models write it: what is broken in a common way is mended, and each repair is said.

    Sure: {'name': 'Ann', "tags": ["a", "b",], // both
    'note': "she said "no" and le        →  {"name": "Ann", "tags": ["a", "b"], "note": 'she said "no" and le'}

No value is made up. A number that may go on behind the end is left out with its name, as is a text or a list of which
nothing has come; where two readings are possible, there is none. What is JSON already is what `json.loads` makes of it.
It takes time in proportion to the text, and goes down to any depth.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, NoReturn, cast

__all__ = ["ODD_SPACES", "Repaired", "repaired"]

ODD_SPACES = "spaces that JSON does not know"

_AHEAD = 420  # characters behind a quote that tell whether it ends its text

_CLOSERS = {
    '"': '"',
    "'": "'",
    "“": '”“"',
    "”": '”"',
    "„": '“”"',
    "‟": '”"',
    "«": "»",
    "‘": "’'",
    "’": "’'",
    "‚": "‘’'",
    "`": "`'",
}
"""The quotes that open a text, each with those that may close it."""

_INSIDE = {opens: re.compile(f"[{closes}\\\\\x00-\x1f]") for opens, closes in _CLOSERS.items()}
_OPENS = "".join(_CLOSERS)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/"}
_HEX = {"u": re.compile("[0-9a-fA-F]{4}"), "x": re.compile("[0-9a-fA-F]{2}"), "U": re.compile("[0-9a-fA-F]{8}")}
_HALF = re.compile("[\ud800-\udfff]")
_FIRST_HALF = re.compile("[\ud800-\udbff]")

_SPACE = re.compile(r"[\s\ufeff]*")
_COMMENT = re.compile(r"//|/\*|#(?=\s)")
_WORD = re.compile(r"[-+.\w]+")
_BARE = re.compile(r"[\w$][\w$.-]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_LOOSE = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_JSON_WORDS = {"true": True, "false": False, "null": None}
_PYTHON_WORDS = {"True": True, "False": False, "None": None}

_GAP = r"(?:[\s\ufeff]|//[^\n]*(?:\n|\Z)|\#\s[^\n]*(?:\n|\Z)|/\*(?:[^*]|\*(?!/))*(?:\*/|\Z))*+"
_NAME = r"""(?: "(?:[^"\\\n]|\\.){0,380}" | '(?:[^'\\\n]|\\.){0,380}'
    | [“”„][^“”"\n]{0,380}[“”"] | [‘’][^‘’'\n]{0,380}[‘’'] )"""
_ITEM = rf"(?:[{_OPENS}\[{{]|-?[0-9]|(?:true|false|null|True|False|None)\b)"
_SCALAR = r"(?:-?[0-9][-+.\w]*+|(?:true|false|null|True|False|None)\b)"
_MORE = r"(?:\.{3,}|…)"
_ELLIPSIS = re.compile(_MORE)
_ENDS = {
    "name": re.compile(rf"{_GAP}(?::|\Z)", re.VERBOSE),
    "member": re.compile(
        rf"""{_GAP}(?: \Z | \}} | \](?={_GAP}[,\]}}]) | {_NAME}{_GAP}:
          | ,{_GAP}(?: {_NAME}{_GAP}(?::|\Z) | [\w$][\w$.-]*{_GAP}: | [}},] | \Z)
          | ,?{_GAP}{_MORE}{_GAP}(?: [}},] | \Z) )
        | [ \t]*\n[ \t]*[\w$]+[ \t]*:""",
        re.VERBOSE,
    ),
    "item": re.compile(
        rf"""{_GAP}(?: \Z | \] | \}}(?={_GAP}[,\]}}]) | ,{_GAP}(?: {_ITEM} | [\],] | \Z)
          | ,?{_GAP}{_MORE}{_GAP}(?: [\],] | \Z)
          | (?<=[\s/])(?: [{_OPENS}\[{{] | {_SCALAR}(?={_GAP}(?: [,\]\[{{] | (?<=\s)[{_OPENS}] | {_SCALAR} )) ) )""",
        re.VERBOSE,
    ),
}
"""What stands behind the quote that ends the name of a member, the text of one, and the text of a list."""

_BREAKS = re.compile(rf"(?:,{_GAP}(?:[{_OPENS}][^{_OPENS}\n]*|[\w$.+-]+)|\s+[{_OPENS}][^{_OPENS}\n]*)\Z")
"""What stands behind a text, and the beginning of what would come next, when the whole breaks off there."""

_NAMES_NEXT = re.compile(r"\s*:")
_LIKE_AN_END = re.compile(rf"\s*[,:\]}}\[{{{_OPENS}”»]")
_BEFORE_WORDS = frozenset("([{<-–—/=" + _OPENS)  # what a quotation may begin behind
_AFTER_WORDS = frozenset(",.;:!?…)]}>-–—/”»" + _OPENS)  # and what may follow its end
_BEGINS = re.compile(rf"\{{(?=\s*(?:[{_OPENS}\w$}}/#,]|\Z))")  # what a member may begin with, or an end
_BLANK = "\ufeff \t\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """The value that stands in the range [start, end) of a text, and what was mended; `cut`: its end was missing."""

    value: Any
    start: int
    end: int
    repairs: tuple[str, ...] = ()
    cut: bool = False


def repaired(text: str) -> Repaired | None:
    """The one object of a text, or the list that it is; None where there is none, several, or a riddle.

    >>> repaired("{'a': [1, 2,], 'b': Tru").value
    {'a': [1, 2]}
    """
    begin = len(text) - len(text.lstrip(_BLANK))
    try:
        if text.startswith("[", begin):
            found, begin = _read(text, begin)
            if found is not None and not text[begin:].strip(_BLANK):
                return found
        found, end = _next(text, begin)
        if found is None or _held(text, found) or _next(text, end)[0] is not None:
            return None
    except _Unclear:
        return None
    return found


def _held(text: str, found: Repaired) -> bool:
    """Whether an object stands in something that is broken: it has a name, or a comma or a bracket follows."""
    before, after = text[: found.start].rstrip(f"{_BLANK}["), text[found.end :].lstrip(_BLANK)
    if after.startswith((",", ":")):
        return True
    if before.endswith(":") and before[:-1].rstrip(_BLANK).endswith(tuple(_CLOSERS)):
        return True
    closed = after.lstrip(f"{_BLANK}]").startswith("}") and not before.endswith("{")  # {{"a": 1}} is a plain mistake
    return closed and before.count("{") > before.count("}")


def _next(text: str, at: int) -> tuple[Repaired | None, int]:
    """The next object of a text that holds something, and the place where it has ended. Raises _Unclear."""
    while (bracket := _BEGINS.search(text, at)) is not None:
        found, at = _read(text, bracket.start())
        if found is not None and found.value:
            return found, at
    return None, len(text)


def _read(text: str, start: int) -> tuple[Repaired | None, int]:
    """What begins with the bracket at a place, and where it ends; None where that is a bracket of prose.

    Raises _Unclear where it is JSON, and nothing can be made of it: what stands inside of that is no answer.
    """
    reader = _Reader(text, start)
    try:
        value = reader.read()
    except _Unclear:
        if reader.begun:
            raise
        return None, max(start + 1, reader.at)
    found = Repaired(value=value, start=start, end=reader.at, repairs=tuple(reader.repairs), cut=reader.cut)
    return found, reader.at


class _Unclear(Exception):
    """Nothing can be made of it without guessing."""


class _Frame:
    """An object or a list that is not closed yet; `name` is its own in the object around it."""

    __slots__ = ("closing", "comma", "items", "name", "waits")

    def __init__(self, items: dict[str, Any] | list[Any], name: str | None) -> None:
        self.items, self.name = items, name
        self.closing = "]" if isinstance(items, list) else "}"
        self.waits = False  # for a comma, or its end
        self.comma = False  # one came last


class _Quotes:
    """The quotes that stand inside of a text: whether they are pairs, as those of a quotation are.

    `stray` is the place of the last that ends none, such as that of 5" or of the ships' crews; `ended`: what follows
    one of those is what follows a whole text, which cannot be told from an end with something broken behind it.
    """

    __slots__ = ("_depth", "_nests", "_reached", "_start", "_text", "ended", "stray")

    def __init__(self, text: str, start: int, opens: str) -> None:
        self._text, self._start, self._reached = text, start, start
        self._nests = "" if opens in _CLOSERS[opens] else opens  # a sign that only ever opens
        self._depth = self.stray = 0
        self.ended = False

    def open_at(self, place: int) -> bool:
        """Whether a quotation that was opened before a place has not ended there."""
        if self._nests:
            self._depth += self._text.count(self._nests, self._reached, place)
            self._reached = place + 1
        return self._depth > 0

    def add(self, place: int) -> None:
        """Takes in the quote at a place."""
        text, is_open = self._text, self.open_at(place)
        before, after = text[place - 1], text[place + 1 : place + 2]
        leads = place == self._start or before.isspace() or before in _BEFORE_WORDS
        trails = not (after.isalnum() or leads) or after.isspace() or after in _AFTER_WORDS
        if leads and not trails:
            self._depth += 1
        elif is_open:
            self._depth -= 1
        elif leads == trails and after not in tuple(",:]}"):
            self._depth += 1  # either of a pair
        else:
            self.stray = place
            self.ended = _LIKE_AN_END.match(text, place + 1) is not None


class _Reader:
    """Reads one object or list, with a stack of its own: the depth of a text is no depth of calls."""

    def __init__(self, text: str, start: int) -> None:
        self.text, self.at, self.end = text, start, len(text)
        self.repairs: dict[str, None] = {}
        self.cut = False
        self.begun = False  # whether more than brackets was read
        self._frames: list[_Frame] = []

    def read(self) -> Any:
        """The value that begins here. Raises _Unclear."""
        self._open(None)
        root = self._frames[0].items
        while self._frames:
            frame = self._frames[-1]
            self._skip()
            if self.at >= self.end:
                return self._ended(root, "")
            sign = self.text[self.at]
            if sign in "]}":
                self._close(sign)
            elif sign == ",":
                self._comma(frame)
            elif (ellipsis := _ELLIPSIS.match(self.text, self.at)) is not None:
                self._more(frame, ellipsis.end())
            else:
                if frame.waits:
                    self._note("a missing comma")
                missing = self._item(frame)
                if missing is not None:
                    return self._ended(root, missing)
                frame.waits, frame.comma, self.begun = True, False, True
        return root

    # ── Between values ──────────────────────────────────────────────────────────────────────────────────────────────

    def _note(self, repair: str) -> None:
        self.repairs[repair] = None

    def _unclear(self, at: int | None = None) -> NoReturn:
        self.at = self.at if at is None else at
        raise _Unclear

    def _skip(self) -> None:
        """Goes on over whitespace and comments."""
        while True:
            space = _SPACE.match(self.text, self.at)
            assert space is not None, "it matches nothing, too"
            if space[0].strip(" \t\r\n"):
                self._note(ODD_SPACES)
            self.at = space.end()
            comment = _COMMENT.match(self.text, self.at)
            if comment is None:
                return
            closing = "*/" if comment[0] == "/*" else "\n"
            end = self.text.find(closing, comment.end())
            self._note("comments")
            self.at = self.end if end < 0 else end + len(closing)

    def _open(self, name: str | None) -> None:
        items: dict[str, Any] | list[Any] = {} if self.text[self.at] == "{" else []
        if self._frames:
            _put(self._frames[-1].items, name, items)
        self._frames.append(_Frame(items, name))
        self.at += 1

    def _close(self, sign: str) -> None:
        if self._frames[-1].closing != sign:
            if all(frame.closing != sign for frame in self._frames):
                self._unclear()
            self._note("a missing bracket")
            while self._frames[-1].closing != sign:
                self._frames.pop()
        if self._frames.pop().comma:
            self._note("a trailing comma")
        self.at += 1

    def _comma(self, frame: _Frame) -> None:
        if not frame.waits:
            self._note("a comma too many")
        frame.waits, frame.comma = False, True
        self.at += 1

    def _more(self, frame: _Frame, end: int) -> None:
        """Goes on over "and so on". Where nothing came before it, nobody knows what goes on."""
        if not frame.items:
            self._unclear()
        self._note("an ellipsis (what it stands for is missing)")
        frame.waits, frame.comma = True, False
        self.at = end

    def _ended(self, root: Any, how: str) -> Any:
        """The root as far as it has come. What has only just begun has no value yet."""
        while len(self._frames) > 1 and not self._frames[-1].items:
            name = self._frames.pop().name
            _take(self._frames[-1].items, name)
            how = "its last member was left out"
        if not root:
            self._unclear(self.end)
        self.at, self.cut = self.end, True
        self._note(f"a cut-off end ({how})" if how else "a cut-off end")
        return root

    # ── Members and items ───────────────────────────────────────────────────────────────────────────────────────────

    def _item(self, frame: _Frame) -> str | None:
        """Reads one into its frame; where the text ends in it, what became of it, and None else."""
        name: str | None = None
        if isinstance(frame.items, dict):
            name = self._name()
            self._skip()
            if self.at >= self.end:
                return "its last member was left out"
            if self.text[self.at] != ":" or name is None:
                self._unclear()
            self.at += 1
            self.begun = True
            self._skip()
            if self.at >= self.end:
                return "its last member was left out"
        sign = self.text[self.at]
        if sign in "{[":
            self._open(name)
            return None
        if sign in _CLOSERS:
            said, closed = self._string("item" if name is None else "member")
            if closed or said:
                _put(frame.items, name, said)
            return None if closed else "its last text was closed" if said else "its last member was left out"
        return self._scalar(frame, name)

    def _name(self) -> str | None:
        """The name of a member; None where the text ends in it."""
        if self.text[self.at] in _CLOSERS:
            said, closed = self._string("name")
            return said if closed else None
        bare = _BARE.match(self.text, self.at)
        if bare is None:
            self._unclear()
        self._note("names without quotes")
        self.at = bare.end()
        return bare[0]

    def _scalar(self, frame: _Frame, name: str | None) -> str | None:
        word = _WORD.match(self.text, self.at)
        if word is None:
            self._unclear()
        said = word[0]
        if said in _JSON_WORDS:
            value: Any = _JSON_WORDS[said]
        elif said in _PYTHON_WORDS:
            value = _PYTHON_WORDS[said]
            self._note("Python's words for true, false and null")
        elif word.end() == self.end:
            self.at = self.end
            return "its last member was left out"
        else:
            value = self._number(said)
        _put(frame.items, name, value)
        self.at = word.end()
        return None

    def _number(self, said: str) -> int | float:
        if not _NUMBER.fullmatch(said):
            if not _LOOSE.fullmatch(said):
                self._unclear()
            self._note("a number as JSON writes none")
        try:
            number = float(said) if any(sign in said for sign in ".eE") else int(said)
        except ValueError:  # thousands of digits
            self._unclear()
        if isinstance(number, float) and not isfinite(number):  # 1e999, which no JSON can say again
            self._unclear()
        return number

    # ── Texts ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _string(self, role: Literal["name", "member", "item"]) -> tuple[str, bool]:
        """A text and whether it was closed. A quote ends it where what follows says so, and is its own else."""
        text, opens = self.text, self.text[self.at]
        if opens != '"':
            self._note("single quotes" if opens in "'`" else "typographic quotes")
        pieces: list[str] = []
        clean = True
        self.at += 1
        quotes = _Quotes(text, self.at, opens)
        while (found := _INSIDE[opens].search(text, self.at)) is not None:
            place, sign = found.start(), found[0]
            pieces.append(text[self.at : place])
            if sign == "\\":
                pieces.append(self._escape(place))
            elif sign < " ":
                self._note("a line break in a text" if sign in "\r\n" else "a control character in a text")
                pieces.append(sign)
                self.at = place + 1
            elif self._closes(place + 1, role, clean=clean):
                if quotes.open_at(place):
                    self._unclear(place + 1)  # it may as well end a quotation inside of this text
                self.at = place + 1
                return _joined(pieces), True
            else:
                if role == "name" or _NAMES_NEXT.match(text, place + 1, place + _AHEAD):
                    self._unclear(place + 1)  # the name of another member: this text was never closed
                if not (apostrophe := sign in "'’" and text[place - 1].isalnum() and text[place + 1].isalnum()):
                    quotes.add(place)
                if quotes.ended:
                    self._unclear(place + 1)
                self._note("quotes in a text")
                clean = clean and apostrophe
                pieces.append(sign)
                self.at = place + 1
        if quotes.stray:
            self._unclear(quotes.stray + 1)  # it may have ended this text
        if text.rstrip().endswith(self._frames[0].closing):
            self._unclear(self.end)  # that bracket may be its own, or the last of all
        pieces.append(text[self.at :])
        self.at = self.end
        said = _joined(pieces)
        return said[:-1] if _FIRST_HALF.match(said[-1:]) else said, False

    def _closes(self, at: int, role: Literal["name", "member", "item"], *, clean: bool) -> bool:
        """Whether the quote before a place ends its text; `clean`: none stood in it before."""
        if _ENDS[role].match(self.text, at, min(self.end, at + _AHEAD)):
            return True
        return clean and self.end - at < _AHEAD and _BREAKS.match(self.text, at) is not None

    def _escape(self, place: int) -> str:
        """What a backslash and the signs behind it stand for."""
        sign = self.text[place + 1 : place + 2]
        self.at = place + 2
        if not sign:
            return ""  # the text breaks off here
        if sign in _ESCAPES:
            return _ESCAPES[sign]
        if sign in _HEX and (digits := _HEX[sign].match(self.text, self.at)) is not None:
            code = int(digits[0], 16)
            if code <= 0x10FFFF:
                self.at = digits.end()
                if sign != "u":
                    self._note("an escape that JSON does not know")
                return chr(code)
        if sign in _HEX and self.end - self.at < 8:
            rest = self.text[self.at :]
            if all(letter in "0123456789abcdefABCDEF" for letter in rest):
                self.at = self.end  # half of an escape says nothing
                return ""
        self._note("an escape that JSON does not know")
        return "" if sign == "\n" else sign if sign in _OPENS else f"\\{sign}"


def _joined(pieces: list[str]) -> str:
    """The pieces as one text, in which two halves of a character are one."""
    said = "".join(pieces)
    if _HALF.search(said) is None:
        return said
    return cast("str", json.loads(json.dumps(said)))


def _put(items: dict[str, Any] | list[Any], name: str | None, value: Any) -> None:
    if isinstance(items, list):
        items.append(value)
    else:
        assert name is not None, "a member has a name"
        items[name] = value


def _take(items: dict[str, Any] | list[Any], name: str | None) -> None:
    if isinstance(items, list):
        items.pop()
    else:
        assert name is not None, "a member has a name"
        del items[name]
