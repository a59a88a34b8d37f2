"""Imports langchain-community once, which warns at that of being sunset."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import langchain_community.vectorstores.faiss  # noqa: F401
