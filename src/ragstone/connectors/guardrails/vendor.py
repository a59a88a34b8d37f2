"""Guardrails itself, imported without a look-up, and kept from telling anyone what it does."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from ragstone.errors import MissingExtra

__all__ = ["imported", "needed", "silenced"]


def needed() -> None:
    """Raises MissingExtra where Guardrails is not installed."""
    if importlib.util.find_spec("guardrails") is None:
        raise MissingExtra(
            "this check needs the package 'guardrails'",
            hint="Run: pip install 'ragstone[guardrails]' (it needs openai 2).",
        )


def imported(module: str = "guardrails") -> Any:
    """A module of Guardrails. Raises MissingExtra where it is not installed.

    Its first import looks for a tokenizer of NLTK and downloads it where there is none, and LiteLLM, which a validator
    may import, fetches a list of prices: neither happens here.
    """
    needed()
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    if "guardrails" not in sys.modules:
        with warnings.catch_warnings(), _tokenizer():
            warnings.simplefilter("ignore")  # of the packages that it imports
            import_module("guardrails")
    silenced()
    return import_module(module)


def silenced() -> None:
    """Takes the tracer from Guardrails' telemetry, for this process and for good.

    It is on unless a file in the home folder says otherwise, and each new Guard reads that file again. What has no
    tracer sends nothing, whoever switches it on.
    """
    telemetry: Any = import_module("guardrails.utils.hub_telemetry_utils").HubTelemetry
    if telemetry._instance is None:
        telemetry._instance = object.__new__(telemetry)  # its constructor begins a thread that sends
    telemetry._instance._tracer = None
    telemetry._instance._enabled = False
    settings: Any = import_module("guardrails.settings").settings
    settings.rc.enable_metrics = False
    settings.rc.use_remote_inferencing = False


@contextmanager
def _tokenizer() -> Generator[None]:
    """Meanwhile NLTK, where it is installed, finds an empty tokenizer."""
    if importlib.util.find_spec("nltk") is None:
        yield
        return
    path: list[str] = import_module("nltk").data.path
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "tokenizers/punkt").mkdir(parents=True)
        path.append(folder)
        try:
            yield
        finally:
            path.remove(folder)
