"""Which encoding bytes without a mark are in, where they are no UTF-8."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["eastern_utf_16_of", "guess", "utf_16_of"]

_HIGH = re.compile(rb"[\x80-\xff]+")
_AMONG_LETTERS = re.compile(
    rb"(?<=[A-Za-z])[\xa1-\xff]{1,2}(?![\x80-\xff])|(?<![\x80-\xff])[\xa1-\xff]{1,2}(?=[A-Za-z])"
)
_SAMPLE = 32_768

# The most frequent letters of an alphabet, how many of all letters they are at least, and the encodings that have it.
_ALPHABETS = (
    ("оеаинтсрвлкмд", 0.6, ("cp1251", "koi8-r", "cp866", "iso8859-5")),
    ("αοιετσνηυρπκμλςόίάέήύώ", 0.7, ("cp1253",)),
    ("יוהלאתרבמשנםקחדפ", 0.75, ("cp1255",)),
    ("اليمونترهبةدعأ", 0.6, ("cp1256",)),
    ("านรอกเงมยลวดทสตะปบหแจ่้ัิีืุู์", 0.8, ("cp874",)),
)
_FEWEST = 6  # letters: of less, nothing can be said

# The letters beyond ASCII of the languages that share an encoding, by how often files are in it.
_LATIN = (
    ("cp1252", "äöüß éèêàçùâîôûëïœ áíóúñü ãõáâàçéêíóôú àèéìòù åäöé æøå þðæáéíóúýö"),
    ("cp1250", "ąćęłńóśźż áčďéěíňóřšťúůýž áéíóöőúüű ăâîşţ čćđšž áäčďéíĺľňóôŕšťúýž"),
    ("cp1254", "çğıöşüâ"),
    ("cp1257", "ąčęėįšųūž āčēģīķļņšūž äöõüšž"),
)
_MARKS = frozenset("‘’“”„‚«»–—…•·§°€£¡¿©®™½\xa0")
_LEAD = 0.1  # by which another language must fit better than those of cp1252, the usual one
_CANDIDATES = (
    "cp932", "euc_jp", "gb18030", "big5", "cp949", "cp1251", "koi8_r", "cp866", "cp1253", "cp1255", "cp1256", "cp874",
    "cp1252", "cp1250", "cp1254", "cp1257",
)  # fmt: skip


def guess(data: bytes) -> str | None:
    """The most likely encoding of bytes that are no UTF-8; None where the package for it is missing or gives up."""
    sample = _sampled(data)
    high = b"".join(_HIGH.findall(sample))
    if len(high) < 2:
        return None
    if _isolated(sample, high):
        return _latin(sample)
    whole_words = len(high) >= 2 * len(_HIGH.findall(sample))
    if found := (_alphabetic(high) if whole_words else None) or _japanese(sample):
        return found
    try:
        from charset_normalizer import from_bytes
    except ModuleNotFoundError:
        return None
    best = from_bytes(sample, cp_isolation=list(_CANDIDATES)).best()
    if best is None:
        return None
    return _latin(sample) if best.encoding in dict(_LATIN) else best.encoding.replace("_", "-")


def _sampled(data: bytes) -> bytes:
    """Where the bytes get interesting, cut where no character can be."""
    first = _HIGH.search(data)
    begin = max(0, first.start() - 256) if first else 0
    sample = data[begin : begin + _SAMPLE]
    if begin + _SAMPLE >= len(data):
        return sample
    return sample[: max(sample.rfind(b"\n"), sample.rfind(b" "), _SAMPLE // 2)]


def _alphabetic(high: bytes) -> str | None:
    """The encoding of an alphabet of its own, told by its most frequent letters."""
    if len(high) < _FEWEST:
        return None
    found: list[tuple[float, str]] = []
    for letters, least, encodings in _ALPHABETS:
        for encoding in encodings:
            share = 1 - len(high.translate(None, letters.encode(encoding))) / len(high)
            if share >= least:
                found.append((share, encoding))
    return max(found)[1] if found else None


def _japanese(sample: bytes) -> str | None:
    """EUC-JP, which a Chinese or Korean encoding could hold too, told by its many kana."""
    try:
        text = sample.decode("euc_jp")
    except UnicodeDecodeError:
        return None
    kana = sum("\u3041" <= char <= "\u30fe" for char in text)
    return "euc-jp" if kana >= 0.25 * sum(char > "\x7f" for char in text) else None


def _isolated(sample: bytes, high: bytes) -> bool:
    """Whether the bytes beyond ASCII stand, one or two, among others, as they do in the languages of Europe."""
    return sum(map(len, _AMONG_LETTERS.findall(sample))) >= 0.6 * len(high)


def _latin(sample: bytes) -> str | None:
    """The encoding under which the letters beyond ASCII fit one language best."""
    best: tuple[float, str] | None = None
    for encoding, languages in _LATIN:
        try:
            letters = [char for char in sample.decode(encoding) if char > "\x7f"]
        except UnicodeDecodeError:
            continue
        share = max(_share(letters, frozenset(language + language.upper())) for language in languages.split())
        if best is None or share > best[0] + _LEAD:
            best = share, encoding
    return best and best[1]


def _share(letters: Iterable[str], known: frozenset[str]) -> float:
    letters = list(letters)
    return sum(char in known or char in _MARKS for char in letters) / max(1, len(letters))


# ── Two or four bytes to a character ─────────────────────────────────────────────────────────────────────────────────

_WRITTEN = re.compile(
    r"[\t\n\r -~\xa0-\u058f\u05d0-\u06ff\u0900-\u0fff\u10a0-\u11ff\u1e00-\u206f\u20a0-\u20bf\u3000-\u30ff\u4e00-\u9fff"
    r"\uac00-\ud7a3\uff00-\uffef\U0001f300-\U0001faff]"
)
_FEWEST_WIDE = 8  # characters: of fewer, only zeros in every other byte tell
_EASTERN = re.compile(r"[\u3000-\u30ff\uff00-\uff65]")  # kana, and the full stop that ends a Chinese sentence


def utf_16_of(sample: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark, told by almost all characters being ones that people write."""
    found: list[tuple[int, str]] = []
    for encoding, width in (("utf-32-le", 4), ("utf-32-be", 4), ("utf-16-le", 2), ("utf-16-be", 2)):
        text = sample[: len(sample) // width * width].decode(encoding, "replace")
        if len(text) < _FEWEST_WIDE and (encoding.startswith("utf-32") or not text.isascii()):
            continue
        written = len(_WRITTEN.findall(text))
        blocks = {ord(char) >> 8 for char in text}
        alike = {0x4E if 0x4E <= block < 0xA0 else 0xAC if 0xAC <= block < 0xD8 else block for block in blocks}
        # The characters of one language come from few places.
        if text and written >= 0.98 * len(text) and len(alike) <= 7:
            found.append((len(blocks), encoding))
    return min(found)[1] if found else None


def eastern_utf_16_of(sample: bytes) -> str | None:
    """UTF-16 without a mark and without any zero: Chinese or Japanese alone, told by its kana and its full stops."""
    found = utf_16_of(sample)
    text = sample.decode(found, "ignore") if found else ""
    return found if len(_EASTERN.findall(text)) >= max(1, 0.04 * len(text)) else None
