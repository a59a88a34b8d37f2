"""From `cache:` of a pipeline to models whose answers are kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ragstone.caching.model import CachedModel
from ragstone.config import Located, expand
from ragstone.errors import NotConfigured
from ragstone.pipelines.spec import CacheSpec, ModelTerms
from ragstone.protocols import Cache, Model

__all__ = ["fingerprint", "kept"]

DAY = 86_400.0  # seconds
UNSHAPING = {"kind", "price", "api_key", *ModelTerms.model_fields}
"""The keys of a model's file that shape no answer of it."""


def kept(
    models: Mapping[str, Model | NotConfigured], spec: CacheSpec, store: Cache
) -> dict[str, Model | NotConfigured]:
    """The models of a route, each behind the cache."""

    def one(model: Model) -> Model:
        return CachedModel(model, store, sampled=spec.sampled, scope=spec.scope, seconds=spec.days * DAY)

    return {name: one(model) if isinstance(model, Model) else model for name, model in models.items()}


def fingerprint(located: Located, files: Mapping[str, Located]) -> str:
    """Of a model: what its file says, with the files that it names, but for what shapes no answer.

    The version of Ragstone is in it: a newer one may quote other sentences.
    """
    said = json.dumps([_version(), _told(located, files, seen=frozenset())], sort_keys=True, default=str)
    return hashlib.blake2b(said.encode(), digest_size=12).hexdigest()


def _told(located: Located, files: Mapping[str, Located], *, seen: frozenset[Path]) -> list[Any]:
    seen |= {located.path}
    given = {key: value for key, value in expand(located, lenient=True).value.items() if key not in UNSHAPING}
    named = (files[value] for value in given.values() if isinstance(value, str) and value in files)
    return [given, [_told(one, files, seen=seen) for one in named if one.path not in seen]]


@cache
def _version() -> str:
    return version("ragstone")
