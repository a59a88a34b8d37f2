from __future__ import annotations

from dataclasses import fields

import pytest

from ragstone import settings
from ragstone.errors import ConfigError, NotAllowed
from ragstone.protocols import SETTINGS
from ragstone.types import Options, Prompt


def prompt(**options: object) -> Prompt:
    return Prompt(name="answer", version="1", messages=(), options=Options(**options))  # type: ignore[arg-type]


def test_every_setting_has_a_spelling() -> None:
    assert set(settings.SPELLED) == {field.name for field in fields(Options)} == SETTINGS


def test_what_a_prompt_sets_and_a_model_lacks_is_refused_in_the_prompt_files_words() -> None:
    asked = prompt(temperature=0.0, top_k=4, stop=("END",))
    with pytest.raises(NotAllowed) as caught:
        settings.require(asked, {"temperature"}, where="house")
    assert str(caught.value) == (
        "house: it has no topK and stopSequences, which the prompt 'answer' sets. "
        "Take topK and stopSequences out of model.options in the prompt file, or choose another model."
    )
    assert caught.value.elsewhere
    assert not caught.value.again


def test_what_a_prompt_leaves_to_the_server_needs_no_setting() -> None:
    settings.require(prompt(), frozenset(), where="house")
    assert settings.given(prompt(seed=0)) == ["seed"]


def test_a_file_may_use_either_spelling() -> None:
    assert settings.named(["topK", "top_p", "stopSequences"], key="lacks") == {"top_k", "top_p", "stop"}
    with pytest.raises(ConfigError, match=r"lacks names an unknown setting 'topk'.*Did you mean 'top"):
        settings.named(["topk"], key="lacks")


def test_what_is_left_out_is_said() -> None:
    assert settings.left_out(prompt(temperature=0.0, seed=1), {"temperature", "top_k"}) == (
        "Not sent, as the connector's file says: temperature."
    )
    assert settings.left_out(prompt(seed=1), {"temperature"}) is None
