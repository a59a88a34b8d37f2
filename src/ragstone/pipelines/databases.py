"""The database that a project keeps its own tables in, where a file of `connectors/` names one."""

from __future__ import annotations

from contextlib import suppress
from typing import cast

from ragstone.errors import ConfigError, NotConfigured
from ragstone.pipelines.build import Builder
from ragstone.pipelines.declared import declared_kind
from ragstone.protocols import Database

__all__ = ["database_of"]


def database_of(builder: Builder) -> Database | None:
    """The one connector of kind `database` that is configured; None without any. Raises ConfigError for two."""
    found: dict[str, Database] = {}
    for name, located in builder.files.items():
        if declared_kind(located) == "database":
            with suppress(NotConfigured):
                found[name] = cast("Database", builder.connector("database", name))
    if len(found) > 1:
        first, second, *_ = sorted(found)
        raise ConfigError(
            "a project keeps its tables in one database",
            where=builder.files[second].where(("kind",)),
            found=f"{first} and {second}",
            hint="Remove one of the files, or leave its variable unset.",
        )
    return next(iter(found.values()), None)
