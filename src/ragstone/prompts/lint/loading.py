"""Codes for what the loader refuses: it says what is wrong, and this says of which kind that is."""

from __future__ import annotations

import re

from ragstone.errors import ConfigError
from ragstone.prompts.lint.finding import Fault

__all__ = ["REFUSED", "code_of", "fault_of"]

REFUSED = {
    "unknown-key": "A key that does nothing misleads whoever reads the file, so the file is not used.",
    "broken-front-matter": "The settings cannot be read, so the prompt cannot be used.",
    "wrong-value": "A value of another kind would be sent, or a setting would do nothing.",
    "undefined-variable": "There is no value to put in, and an empty place would never be noticed.",
    "bad-role": "A line that looks like a role and is none would be sent as words.",
    "missing-file": "The words of that file would be missing from the prompt.",
    "abstain-not-said": "A model that is never told the sentence never says it, so no answer counts as 'none'.",
    "mark-not-said": "A model that is not told of the mark reads noise, and takes no warning from it.",
    "broken-tag": "The tag cannot be filled in, so the prompt cannot be used.",
    "outside-reference": "Whoever edits a prompt must not be able to read the secrets of the machine that runs it.",
    "unreadable": "The prompt cannot be used as it stands.",
}
"""Each code with the reason why such a file is refused."""

_KINDS = (
    ("outside-reference", r"cannot be used in a prompt file"),
    ("unknown-key", r"unknown key|is not supported|there is no input|is given by Ragstone"),
    ("undefined-variable", r"unknown variable"),
    ("missing-file", r"cannot be included|includes itself"),
    ("mark-not-said", r"never tells the model (what the mark|how its passages)|another mark than"),
    ("abstain-not-said", r"never tells the model"),
    ("bad-role", r"is no role|no user message|another role|before the first role|holds a role"),
    ("broken-front-matter", r"not valid YAML|front matter|stands here twice|nested too deeply"),
    ("broken-tag", r"is no template|in a prompt$|filter|inside \{\{|plain loop|include takes"),
    ("unreadable", r"no such file|cannot be read|outside the folder|longer than"),
)


def code_of(error: ConfigError) -> str:
    """The code of one fault that the loader found."""
    return next((code for code, words in _KINDS if re.search(words, error.message)), "wrong-value")


def fault_of(error: ConfigError) -> Fault:
    """The same fault, told as lint tells its own."""
    if "codec can't decode" in error.message:
        return Fault(error.where or "", "is not saved as UTF-8", "Save it again, and choose the encoding UTF-8.")
    found = f", found {error.found}" if error.found else ""
    expected = f": expected {error.expected}{found}" if error.expected else ""
    fix = error.hint or (f"Write {error.expected}." if error.expected else "Change the line, or take it out.")
    return Fault(error.where or "", f"{error.message}{expected}", fix)
