from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from ragstone.errors import ConfigError
from ragstone.prompts.tokens import PER_MESSAGE, REPLY, counter, estimated
from ragstone.types import Message

DOCS = Path(__file__).parents[2] / "docs"

ENCODINGS = str(files("llama_index.core") / "_static" / "tiktoken_cache")  # ships the files of two encodings


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    """A tokenizer of words, whose file also says that texts be cut and filled up."""
    made = Tokenizer(models.WordLevel({"[UNK]": 0, "one": 1, "two": 2}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.enable_truncation(4)
    made.enable_padding(length=4)
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def test_the_models_own_tokenizer_counts_exactly_and_cuts_nothing(tokenizer: Path) -> None:
    found = counter(tokenizer=tokenizer, model="gpt-4o")
    assert (found.name, found.exact) == ("tokenizer.json", True)
    assert [found.count(text) for text in ("", "one", "one two three four five six")] == [0, 1, 6]
    assert found.count("half a \ud800 character") == 4


def test_a_message_costs_what_the_template_puts_around_it(tokenizer: Path) -> None:
    messages = [Message("system", "one two"), Message("user", "one")]
    assert counter(tokenizer=tokenizer).messages(messages) == 3 + 2 * PER_MESSAGE + REPLY


def test_a_tokenizer_that_was_replaced_is_read_again(tokenizer: Path) -> None:
    before = counter(tokenizer=tokenizer)
    made = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    made.save(str(tokenizer))
    assert before.count("a b") == 2
    assert counter(tokenizer=tokenizer).count("a b") == 1


@pytest.mark.parametrize(("text", "words"), [(None, "there is no such tokenizer"), ("{}", "is no tokenizer")])
def test_a_tokenizer_that_cannot_be_read_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "tokenizer.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        counter(tokenizer=path)


def test_tiktoken_counts_for_the_models_that_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", ENCODINGS)
    found = counter(model="gpt-4o")
    assert (found.name, found.exact) == ("tiktoken o200k_base", True)
    assert found.count("A chunk holds 200 tokens.") == 7
    assert found.count("<|endoftext|>") > 1  # a value is no special token
    assert counter(model="qwen3-8b").name == "estimate"


def test_nothing_is_downloaded_to_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert counter(model="gpt-4o").name == "estimate"


def test_without_any_tokenizer_the_count_is_an_estimate() -> None:
    assert (counter().name, counter().exact) == ("estimate", False)


LANGUAGES = {
    "Die Wartung der Anlage erfolgt mindestens einmal jährlich; Störungen sind unverzüglich zu melden.": 1.0,
    "L’entretien de l’installation a lieu au moins une fois par an ; toute panne doit être signalée.": 1.0,
    "Konserwacja urządzenia odbywa się co najmniej raz w roku, a usterki należy zgłaszać niezwłocznie.": 0.75,
    "Техническое обслуживание установки проводится не реже одного раза в год.": 1.0,
    "设备至少每年维护一次；如发现故障，应立即报告，以确保运行安全。": 1.0,
    "設備の保守は少なくとも年に一度行い、故障は直ちに報告しなければなりません。": 1.0,
    "تتم صيانة المنشأة مرة واحدة على الأقل سنويا، ويجب الإبلاغ عن الأعطال فورا.": 1.0,
    "TG9yZW0gaXBzdW0gZG9sb3Igc2l0IGFtZXQsIGNvbnNlY3RldHVyIGFkaXBpc2NpbmcgZWxpdA==": 0.85,
}


def test_the_estimate_errs_as_far_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", ENCODINGS)
    exact = counter(model="gpt-4o")
    pages = {path.name: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
    shares = {name: estimated(page) / exact.count(page) for name, page in pages.items()}
    assert shares.pop("local-models.md") >= 0.98  # mostly options and figures
    assert min(shares.values()) >= 1.01
    assert max(shares.values()) <= 1.3
    for text, least in LANGUAGES.items():
        assert least <= estimated(text) / exact.count(text) <= 3.3, text


@given(one=st.text(), other=st.text())
def test_a_longer_text_is_not_estimated_shorter(one: str, other: str) -> None:
    assert estimated(one) >= 0
    assert (estimated(one) == 0) == (one.strip(" ") == "")
    assert estimated(f"{one}\n{other}") >= max(estimated(one), estimated(other)) - 1
