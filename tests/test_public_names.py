"""The public face: its names, its weight."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ragstone

HEAVY = ("numpy", "pydantic", "yaml", "jinja2", "chromadb", "openvino", "openai", "torch", "tantivy", "rich", "typer")


def test_the_public_names_are_these_and_no_others():
    assert ragstone.__all__ == [
        "open",
        "aopen",
        "Rag",
        "AsyncRag",
        "Answer",
        "Citation",
        "Document",
        "Grant",
        "Hit",
        "Key",
        "Payer",
        "RagstoneError",
        "errors",
        "types",
    ]
    assert all(getattr(ragstone, name) is not None for name in ragstone.__all__)
    assert set(ragstone.__all__) <= set(dir(ragstone))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Nothing"):
        ragstone.Nothing  # noqa: B018


def test_importing_ragstone_imports_nothing_heavy():
    script = f"import sys, ragstone; print([name for name in {HEAVY!r} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_every_error_stands_in_the_tree_and_is_public():
    from ragstone import errors

    tree = errors.__doc__ or ""
    classes = [
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.RagstoneError)
    ]
    assert len(classes) > 15
    for found in classes:
        assert found.__name__ in tree
        assert found.__name__ in errors.__all__
