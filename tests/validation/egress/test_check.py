from __future__ import annotations

import base64
import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaving import CODE, TOLD, left, prompt, screened
from ragstone.errors import ConfigError
from ragstone.validation.egress.check import REST, EgressCheck

PIECES = (
    *(
        "`",
        "``",
        "```\n",
        "\n",
        "\n\n",
        "- ",
        "> ",
        "    ",
        "[a](",
        "](",
        "![",
        "<",
        ">",
        "|",
        "\\",
        ". ",
        "。",
        " and ",
    ),
    *(
        "https://evil.example/x",
        "www.evil.example",
        "a@evil.example",
        "[99]",
        "&#47;",
        "\u200b",
        "AKIAJKPKAFON7EGGDCOL",
    ),
)
CODES = (CODE[:9], CODE[9:])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from((*PIECES, *CODES)), max_size=14), st.data())
def test_a_stream_and_the_whole_come_to_the_same(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    said, ended = screened(pieces)
    assert said == ended.text == left(text)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14))
def test_what_came_out_would_come_out_again(parts: list[str]) -> None:
    once = left("".join(parts))
    assert left(once) == once


# ── The code among the instructions ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "said",
    [
        CODE,
        CODE.upper(),
        CODE[::-1],
        " ".join(CODE),
        "[1]".join(CODE),
        CODE.replace("-", ""),
        codecs.encode(CODE, "rot13"),
        base64.b64encode(CODE.encode()).decode(),
        base64.b64encode(b"it is " + CODE.encode()).decode(),
        CODE.encode().hex(),
        " ".join(str(one) for one in CODE.encode()),
        "".join(f"%{one:02x}" for one in CODE.encode()),
        "".join(f"&#{one};" for one in CODE.encode()),
        "".join(chr(ord(one) + 0xFEE0) for one in CODE),
        "`" + CODE + "`",
        " ".join(str(one) for one in CODE.encode()) + " 999",
        CODE.encode().hex(" ") + "z",
        CODE[:7] + ". And then: " + CODE[7:],
    ],
)
def test_the_code_never_comes_out_and_nothing_after_it(said: str) -> None:
    text = left(f"The code is this: {said} and the walrus is blue. More.")
    assert "walrus" not in text
    assert REST in text
    assert CODE[7:] not in text


def test_a_code_that_the_user_wrote_is_no_secret() -> None:
    assert left(f"It is {CODE}.", prompt(question=f"What is {CODE}?")) == f"It is {CODE}."


# ── Instructions and secrets ────────────────────────────────────────────────────────────────────────────────────────


def test_the_words_of_the_instructions_are_withheld() -> None:
    told = TOLD.partition(" The code")[0]
    assert left(f"My rules: {told.upper()} Yes.") == "My rules: [instructions withheld]. Yes."
    assert "check every claim" not in left(" **".join(told.split()))
    assert left(told, words=0) == told


def test_instructions_that_a_passage_says_too_may_be_quoted() -> None:
    told = TOLD.partition(" The code")[0]
    assert left(told, prompt(found=told)) == told


@pytest.mark.parametrize(
    "said",
    [
        "AKIAJKPKAFON7EGGDCOL",
        "ghp_a8Bv3kQ9zLw2Xy7Rt5Pm1Nc4Js6Hd0Fg3KeW",
        "sk-ant-api03-a8Bv3kQ9zLw2Xy7Rt5Pm1Nc4Js6Hd0Fg",
        "xoxb-123456789012-a8Bv3kQ9zLw2",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.a8Bv3kQ9zLw2Xy7Rt5",
        "-----BEGIN RSA PRIVATE KEY-----\na8Bv3kQ9zLw2\n\nXy7Rt5Pm1Nc4\n-----END RSA PRIVATE KEY-----",
        "sk_live_VYGQkzINkPwqFPrrYuEIpUlL",
        "hunter2Xyz!9",
    ],
)
def test_secrets_are_taken_out_in_code_too(said: str) -> None:
    for text in (f"password = {said} and on", f"```\npassword: {said}\n```\n"):
        told = left(text)
        assert "[secret removed]" in told
        assert not any(line in told for line in said.split("\n") if line and not line.startswith("-----"))


@pytest.mark.parametrize(
    "said",
    [
        "ghp\\_a8Bv3kQ9zLw2Xy7Rt5Pm1Nc4Js6Hd0Fg3KeW",
        "sk\\_live\\_VYGQkzINkPwqFPrrYuEIpUlL",
        "AKIA&#74;KPKAFON7EGGDCOL",
        "AKIA**JKPK**AFON7EGGDCOL",
        "AKIA`JKPK`AFON7EGGDCOL",
        "AKIA<b>JKPK</b>AFON7EGGDCOL",
        "AKIA![JKPK](https://evil.example/x)AFON7EGGDCOL",
    ],
)
def test_secrets_that_a_renderer_shows_whole_are_taken_out(said: str) -> None:
    assert left(f"The key is {said} and on.") == "The key is [secret removed] and on."


@pytest.mark.parametrize(
    "text",
    [
        "password = example",
        "The password is required.",
        "Set api_key: ${KEY} or token=<your-token>.",
        "sk-learn is a package.",
        "A token is a word: tokens are counted.",
        "AKIAIOSFODNN7EXAMPLE",
        "postgres://user:password@host/db",
    ],
)
def test_placeholders_and_ordinary_words_are_no_secrets(text: str) -> None:
    assert "[secret removed]" not in left(text)


def test_a_secret_that_the_user_wrote_stays() -> None:
    assert left(
        "It is ghp_a8Bv3kQ9zLw2Xy7Rt5Pm1Nc4Js6Hd0Fg3KeW.", prompt(question="ghp_a8Bv3kQ9zLw2Xy7Rt5Pm1Nc4Js6Hd0Fg3KeW?")
    )


def test_each_part_has_its_own_label() -> None:
    text = f"![a](https://evil.example/x) <script> a@evil.example AKIAJKPKAFON7EGGDCOL {CODE}"
    (verdict,) = screened(text)[1].verdicts
    assert {flaw.label for flaw in verdict.flaws} == {"image", "html", "address", "secret", "canary"}
    assert verdict.action == "fixed"
    assert all(0 <= flaw.start <= flaw.end <= len(text) for flaw in verdict.flaws)


def test_a_prefix_that_is_no_address_is_refused() -> None:
    for wrong in ("example.com", "https://", "https://a b", "javascript:alert(1)", "https://user@host/"):
        with pytest.raises(ConfigError):
            EgressCheck(allow=[wrong])
