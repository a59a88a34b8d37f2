"""The options that every command shares, and how every command ends: with a code, and on failure with one line."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

import typer

from ragstone.cli import end_interrupted
from ragstone.errors import ConfigError, RagstoneError, UsageError

__all__ = [
    "ABSTAINED",
    "FAILED",
    "MISUSED",
    "As",
    "Debug",
    "IngestName",
    "Json",
    "PipelineName",
    "Principals",
    "ProjectFolder",
    "Question",
    "Tenant",
    "command",
]

FAILED, MISUSED, ABSTAINED = 1, 2, 3

KEY_LENGTH = 8  # characters; what is shorter stands in other words too
_KEYS = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH", re.IGNORECASE)
_PASSWORD = re.compile(r"(://[^\s:/@]*:)[^\s/@]+@")

P = ParamSpec("P")
R = TypeVar("R")

ProjectFolder = Annotated[Path, typer.Option("--project", metavar="DIR", help="The project folder, or one inside it.")]
Principals = Annotated[
    list[str] | None,
    typer.Option("--principal", metavar="P", help="Who asks: a user or group that may see documents. Repeatable."),
]
Tenant = Annotated[str, typer.Option("--tenant", metavar="T", help="Whose documents; tenants never meet.")]
PipelineName = Annotated[str, typer.Option("--pipeline", metavar="NAME", help="The file in pipelines/ to use.")]
IngestName = Annotated[str, typer.Option("--pipeline", metavar="NAME", help="The file in pipelines/ that ingests.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Debug = Annotated[bool, typer.Option("--debug", help="On failure print the whole traceback.")]
Question = Annotated[str, typer.Argument(help="What you want to know. `-` reads it from standard input.")]
As = Annotated[str | None, typer.Option("--prompt", metavar="NAME", help="The file in prompts/ to use.")]


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Turns an error into one line on stderr and an exit code; `--debug` prints the traceback before it."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except RagstoneError as error:
            _report(str(error), error, debug=bool(kwargs.get("debug")))
            raise typer.Exit(MISUSED if isinstance(error, ConfigError | UsageError) else FAILED) from None
        except KeyboardInterrupt:
            end_interrupted()
        except BrokenPipeError:
            # The reader (`head`, say) has what it wanted. Python would complain once more at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(FAILED) from None
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            _report(f"{where}{error.strerror or error}", error, debug=bool(kwargs.get("debug")))
            raise typer.Exit(FAILED) from None

    return run


def _report(line: str, error: BaseException, *, debug: bool) -> None:
    if debug:
        import traceback

        # What lies below our errors are the vendors' own, which may repeat what they were sent.
        sys.stderr.write(_without_keys("".join(traceback.format_exception(error))))
    sys.stderr.write(f"ragstone: {_without_keys(' '.join(line.split()))}\n")


def _without_keys(text: str) -> str:
    """The text without what variables hold that are named like keys, and without passwords in addresses."""
    for name, value in os.environ.items():
        if len(value) >= KEY_LENGTH and _KEYS.search(name):
            text = text.replace(value, f"[{name}]")
    return _PASSWORD.sub(r"\1[hidden]@", text)
