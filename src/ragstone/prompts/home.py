"""Where a prompt's includes begin: at the folder of prompts, wherever in it the prompt stands."""

from __future__ import annotations

from pathlib import Path

__all__ = ["FOLDER", "home"]

FOLDER = "prompts"


def home(path: Path) -> Path:
    """The nearest folder above a prompt file that is called `prompts`; else the file's own folder.

    >>> home(Path("mydocs/prompts/craft/improve.prompty"))
    PosixPath('mydocs/prompts')
    """
    for folder in path.parents:
        if folder.name == FOLDER:
            return folder
    whole = path.absolute()  # a path from inside the folder does not name it
    return next((folder for folder in whole.parents if folder.name == FOLDER), path.parent)
