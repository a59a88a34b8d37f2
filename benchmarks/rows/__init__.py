"""The rows of the benchmarks, one module each, with its `ROW`. What their sides run lies in the folders beside them."""

from __future__ import annotations

from importlib import import_module

from bench.row import Row

__all__ = ["ORDER", "all_rows"]

ORDER = (
    "install",
    "imports",
    "cold_start",
    "ingest_real",
    "ingest_free",
    "re_ingest",
    "query",
    "retrieval",
    "chunking",
    "memory",
    "gateway_sdk",
    "gateway_http",
    "cache_exact",
    "cache_vectors",
    "cache_semantic",
    "render",
    "forgery",
    "safety",
)
"""The modules, in the order in which their rows are run and shown."""


def all_rows() -> dict[str, Row]:
    """Each row by its name."""
    found = [import_module(f"rows.{module}").ROW for module in ORDER]
    return {row.name: row for row in found}
