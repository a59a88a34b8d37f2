from __future__ import annotations

import json
from pathlib import Path

import pytest

from ragstone.errors import ConfigError
from ragstone.text.special_tokens import special_tokens


def test_they_are_all_that_was_added_to_the_words(tmp_path: Path) -> None:
    added = [{"content": token, "special": token < "x"} for token in ("<think>", "</think>", "x turn", "\n\n", "é")]
    (tmp_path / "tokenizer.json").write_text(json.dumps({"added_tokens": added}), encoding="utf-8")
    assert special_tokens(tmp_path) == special_tokens(tmp_path / "tokenizer.json") == ("</think>", "<think>", "x turn")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"added_tokens": [1]}', "\udc80"])
def test_what_is_no_tokenizer_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ConfigError, match="is no tokenizer: expected a tokenizer"):
        special_tokens(path)
    with pytest.raises(ConfigError, match="nowhere"):
        special_tokens(tmp_path / "nowhere")
