from __future__ import annotations

import codecs
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import ParseError
from ragstone.ingestion.parsers import title_from
from ragstone.ingestion.parsers.text import TextParser

BOMS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
printable = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], include_characters="\t\r\n\f\x85"), min_size=1
).filter(lambda text: text.strip() and not text.startswith("\ufeff"))


def parsed(data: bytes) -> tuple[str, tuple[str, ...]]:
    found = TextParser().parse(data, uri="documents/a.txt")
    return found.text, found.warnings


@given(text=printable, encoding=st.sampled_from(sorted(BOMS)))
def test_a_file_with_a_byte_order_mark_is_decoded_to_the_same_text(text: str, encoding: str) -> None:
    assert parsed(BOMS[encoding] + text.encode(encoding)) == (text, ())


@given(printable)
def test_utf_8_is_decoded_to_the_same_text_line_ends_and_all(text: str) -> None:
    assert parsed(text.encode()) == (text, ())


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_told_by_its_zeros(encoding: str) -> None:
    text = "Der Dorsch schwimmt über den Grund.\r\n"
    assert parsed(text.encode(encoding)) == (text, (f"decoded as {encoding}: it has no byte-order mark",))


def test_what_is_not_utf_8_is_read_as_cp1252_with_a_warning() -> None:
    assert parsed("„Köder“ für 3 €".encode("cp1252")) == (
        "„Köder“ für 3 €",
        ("decoded as cp1252: not valid UTF-8",),
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b" \r\n\t ", "is empty"),
        (codecs.BOM_UTF8, "is empty"),
        (b"cod\0liver", "is a binary file"),
        (b"cod \0" + codecs.BOM_UTF8, "is a binary file"),
        (codecs.BOM_UTF16_LE + b"c\0\0\0", "is a binary file"),
        (bytes(range(1, 256)), "is a binary file"),
        (b"cod \x81", "its encoding is unknown: expected UTF-8, UTF-16 or cp1252. Save it as UTF-8."),
        (codecs.BOM_UTF8 + b"\xff", "is not valid utf-8, as its first bytes say"),
        (codecs.BOM_UTF16_LE + b"\x00\xdc", "is not valid utf-16-le, as its first bytes say"),
    ],
)
def test_what_is_no_text_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ParseError, match=reason) as caught:
        parsed(data)
    assert caught.value.where == "documents/a.txt"


def test_a_log_with_colours_is_text() -> None:
    assert parsed(b"\x1b[31merror\x1b[0m\n" * 9) == ("\x1b[31merror\x1b[0m\n" * 9, ())


@pytest.mark.parametrize(
    ("uri", "title"),
    [
        ("documents/halibut.txt", "Halibut"),
        ("documents/soup_of-the_day.txt", "Soup of the day"),
        ("2024-05-01.txt", "2024-05-01"),
        ("a/README", "README"),
        ("a/v1.2-notes.md", "V1.2 notes"),
        ("a/---.txt", "---"),
    ],
)
def test_a_title_is_made_of_the_file_name(uri: str, title: str) -> None:
    assert title_from(uri) == title


# ── Guessing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

WORDS = {
    "cp1252": "Der Köder für den Dorsch hängt über dem Grund; „schön“, sagt ein Fischer für 3 €.",
    "cp1250": "Zażółć gęślą jaźń, powiedział król i wyszedł z pałacu na dwór.",
    "cp1254": "Balıkçı sabah erkenden denize açıldı ve akşam üzeri eve döndü, çünkü rüzgâr çıkmıştı, ışık yoktu.",
    "cp1251": "Треска плавает в холодном море и питается мелкой рыбой.",
    "koi8-r": "Треска плавает в холодном море и питается мелкой рыбой.",
    "cp1253": "Ο μπακαλιάρος κολυμπά στην κρύα θάλασσα και τρώει μικρά ψάρια.",
    "cp1255": "הדג שוחה בים הקר ואוכל דגים קטנים כל היום והלילה",
    "cp1256": "السمكة تسبح في البحر البارد وتأكل الأسماك الصغيرة",
    "cp874": "ปลาว่ายน้ำในทะเลที่หนาวเย็นและกินปลาตัวเล็กเป็นอาหาร",
    "cp932": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
    "euc-jp": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
    "gb18030": "鳕鱼生活在寒冷的海水中,以小鱼为食。渔民在冬天出海捕捞它们。",
    "big5": "鱈魚生活在寒冷的海水中,以小魚為食。漁民在冬天出海捕撈牠們。",
    "cp949": "대구는 차가운 바다에서 헤엄치며 작은 물고기를 먹는다. 어부들은 겨울에 바다로 나간다.",
}


@given(st.sampled_from(sorted(WORDS)), st.integers(1, 40), st.sampled_from(["", "log: ok, 3\r\n" * 40]))
def test_the_old_encodings_of_many_scripts_are_guessed_and_reported(encoding: str, times: int, before: str) -> None:
    text = before + f"{WORDS[encoding]}\n" * times
    assert parsed(text.encode(encoding)) == (text, (f"decoded as {encoding}: not valid UTF-8",))


@given(
    st.sampled_from(sorted(set(WORDS.values()))),
    st.sampled_from(["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]),
    st.integers(1, 9),
)
def test_two_and_four_bytes_to_a_character_need_no_mark(words: str, encoding: str, times: int) -> None:
    text = f"{words}\n" * times
    assert parsed(text.encode(encoding)) == (text, (f"decoded as {encoding}: it has no byte-order mark",))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("## können\n\nkönnen\n\näöüß\n", "cp1252"),
        ("名前,年齢,住所\r\n佐藤,30,東京\r\n三木,25,大阪\r\n", "cp932"),
        ("Привет, мир", "koi8-r"),
        ("año", "cp1252"),
        ("señor García, ¿qué tal?", "cp1252"),
    ],
)
def test_a_few_bytes_suffice(text: str, encoding: str) -> None:
    assert parsed(text.encode(encoding)) == (text, (f"decoded as {encoding}: not valid UTF-8",))


def test_utf_8_with_a_fault_stays_utf_8() -> None:
    data = "Der Köder für den Dorsch hängt über dem Grund, schön grün und größer. ".encode() * 2
    text, warnings = parsed(data.replace(b"Grund", b"Gr\xfcnd", 1))
    assert text == data.decode().replace("Grund", "Gr�nd", 1)
    assert warnings == ("1 places are not valid UTF-8: each stands as �",)


def test_without_the_package_for_it_the_guess_is_cp1252(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "charset_normalizer", None)
    assert parsed("Köder für 3 €".encode("cp1252")) == ("Köder für 3 €", ("decoded as cp1252: not valid UTF-8",))
    assert parsed("鳕鱼生活在海水中".encode("gb18030"))[1] == ("decoded as cp1252: not valid UTF-8",)


@given(st.binary(max_size=500))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    try:
        text, _ = parsed(data)
    except ParseError:
        return
    assert text.strip()
