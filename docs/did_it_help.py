"""Writes what the commands of docs/did-it-help.md print, from a real run: two changes of a prompt, one of which helps.

    python docs/did_it_help.py            # or: make docs
    python docs/did_it_help.py --check    # exits with 1 when the page shows something else
    python docs/did_it_help.py --keep DIR # leaves the project there, with its runs and its report

The documents are about the ferries of a line that does not exist. The model is a server on this machine: a program that
quotes the sentence with the most words of the question, of the first passage alone unless it is told to read them all.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from page_shell import PageShell, page_shell
from rule_server import Messages

PAGE = Path(__file__).with_name("did-it-help.md")
BLOCK = re.compile(r"```console\n(?P<lines>\$ [^\n]*\n.*?)^```$", re.DOTALL | re.MULTILINE)
TABLE = re.compile(r"<!-- report -->\n.*?<!-- end of report -->", re.DOTALL)
FILE = re.compile(r"```(?:yaml|jsonl)\n(?:# (?P<name>\S+)\n)?(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
TOOK = re.compile(r"\b\d+\.\d s\b")

LINES = (
    {
        "name": "Harbour Isles",
        "leaves": "at 7:40 and at 16:10",
        "takes": "ninety minutes",
        "fare": "14 crowns",
        "dogs": "on the upper deck, on a lead",
        "bicycles": "free of charge, up to thirty of them",
        "cabins": "no cabins",
        "storm": "winds above 18 metres a second",
        "pier": "pier 2, beside the fish market",
    },
    {
        "name": "North Cape",
        "leaves": "every evening at 21:00",
        "takes": "eleven hours",
        "fare": "96 crowns",
        "dogs": "in six cabins that are kept for them",
        "bicycles": "for 8 crowns, on the car deck",
        "cabins": "two hundred cabins, from 60 crowns a night",
        "storm": "waves above four metres",
        "pier": "pier 9, behind the customs house",
    },
    {
        "name": "Saint Olaf",
        "leaves": "on Mondays, Wednesdays and Fridays at noon",
        "takes": "three hours and a half",
        "fare": "31 crowns",
        "dogs": "nowhere, except for guide dogs",
        "bicycles": "only if they fold",
        "cabins": "twelve cabins for families, which are let by the day",
        "storm": "winds above 22 metres a second",
        "pier": "pier 4, at the old lighthouse",
    },
    {
        "name": "Winter Bay",
        "leaves": "at 9:25, from November to March alone",
        "takes": "two hours",
        "fare": "25 crowns",
        "dogs": "in the lounge, in a basket",
        "bicycles": "not at all: the deck is icy",
        "cabins": "no cabins, and forty reclining seats",
        "storm": "ice thicker than half a metre",
        "pier": "pier 1, below the castle",
    },
)
TOPICS = {
    "timetable": "The ship to {name} leaves {leaves}. The voyage to {name} takes {takes}.",
    "tickets": "A single ticket to {name} costs {fare}. On the way to {name} there are {cabins}.",
    "animals": "On the ship to {name} dogs may travel {dogs}. Bicycles travel to {name} {bicycles}.",
    "harbour": "The ship to {name} lies at {pier}. Voyages to {name} are cancelled in {storm}.",
}
RULES = {
    "Boarding": "Boarding ends ten minutes before departure. Whoever comes later waits for the next ship.",
    "Children": "Children under six travel free of charge. Those under sixteen pay half.",
    "Kitchen": "The kitchen closes an hour before the ship arrives. Coffee is sold until the end.",
    "Refunds": "Tickets that are handed back a day before are paid back within a week. Later ones are not.",
}
ASKED = (
    ("leaves", "timetable", "When does the ship to {name} leave, and how often?"),
    ("fare", "tickets", "What does a single ticket to {name} cost?"),
    ("dogs", "animals", "Where on the ship to {name} may dogs travel?"),
    ("pier", "harbour", "At which pier lies the ship to {name}?"),
)
OF_ALL = (
    ("ten minutes before", "When does boarding for the ship to {name} end?"),
    ("free of charge", "Do children under six pay for the voyage to {name}?"),
    ("an hour before", "When does the kitchen on the ship to {name} close?"),
    ("within a week", "How soon are tickets to {name} paid back?"),
)
SIZE = 60  # tokens of a chunk: the documents are short
UNKNOWN = (
    "Who is the captain of the ship to {name}?",
    "How old is the ship to {name}, and who built it?",
)

CAREFUL = "- Read all passages before you answer: the first one is often not the one that answers."
GRAND = "- You are a world-class expert on ferries. Take a deep breath. This is very important to my career."


# ── The model ───────────────────────────────────────────────────────────────────────────────────────────────────────

WORD = re.compile(r"[A-Za-z]{3,}")
COMMON = {"the", "and", "are", "for", "how", "does", "may", "what", "when", "where", "which", "who", "ship", "voyage"}
PASSAGE = re.compile(r"^\[(\d+)\] [^\n]*\n<<<(\w+)\n(.*?)\n\2>>>$", re.DOTALL | re.MULTILINE)


def words(text: str) -> tuple[set[str], set[str]]:
    """The words that say what a text is about, without their endings, and the names in it."""
    found = set(WORD.findall(text))
    names = {word for line in LINES for word in line["name"].split()} & found
    return {word.lower().rstrip("se") for word in found - names if word.lower() not in COMMON}, names


def answered(messages: Messages) -> str:
    """The sentence with the most words of the question; where none has two of them, the words that say so."""
    told, asked = messages[0]["content"], messages[-1]["content"]
    about, names = words(asked.rpartition("Question: ")[2])
    passages = PASSAGE.findall(asked)
    best, said = (1, 0), "The documents do not answer this question."
    for number, _, text in passages if "Read all passages" in told else passages[:1]:
        for sentence in re.split(r"(?<=\.)\s+|\n\n", text):
            same, named = words(sentence)
            found = len(about & same), len(names & named)
            if found[0] > 1 and found > best:
                best, said = found, f"{sentence.strip().rstrip('.')} [{number}]."
    return said


# ── The project ─────────────────────────────────────────────────────────────────────────────────────────────────────


def cases() -> list[dict[str, object]]:
    """Forty: of each line four facts of its own, four that hold for all lines, and two questions without an answer."""
    rows: list[dict[str, object]] = []
    for line in LINES:
        for fact, file, question in ASKED:
            relevant = f"documents/{file}.md"
            asked = {"question": question.format(**line), "expected": line[fact]}
            rows.append({**asked, "relevant": relevant, "tags": ["one line"]})
        for fact, question in OF_ALL:
            asked = {"question": question.format(**line), "expected": fact}
            rows.append({**asked, "relevant": "documents/rules.md", "tags": ["all lines"]})
        rows += [
            {"question": question.format(**line), "abstains": True, "tags": ["unanswerable"]} for question in UNKNOWN
        ]
    return rows


def write(project: Path, suite: str) -> None:
    """Documents, the suite and its cases."""
    for file, text in TOPICS.items():
        parts = [f"# {file.capitalize()}", *(f"## {line['name']}\n\n{text.format(**line)}" for line in LINES)]
        (project / "documents" / f"{file}.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    parts = ["# Rules for all lines", *(f"## {title}\n\n{text}" for title, text in RULES.items())]
    (project / "documents" / "rules.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    ingest = project / "pipelines" / "ingest.yaml"
    ingest.write_text(ingest.read_text(encoding="utf-8").replace("size: 250", f"size: {SIZE}"), encoding="utf-8")
    # Whole passages: where they are trimmed goes by scores whose last digits differ from processor to processor.
    answer = project / "pipelines" / "answer.yaml"
    answer.write_text(answer.read_text(encoding="utf-8").replace("k: 8}", "k: 8, trim: 0}"), encoding="utf-8")
    (project / "evals").mkdir()
    (project / "evals" / "ferries.yaml").write_text(suite, encoding="utf-8")
    (project / "evals" / "ferries.jsonl").write_text(
        "".join(f"{json.dumps(row)}\n" for row in cases()), encoding="utf-8"
    )


def edited(project: Path, line: str) -> None:
    """Puts a line into the prompt, above the one on how to begin."""
    path = project / "prompts" / "answer.prompty"
    text = path.read_text(encoding="utf-8")
    assert line not in text
    path.write_text(text.replace("- Begin with", f"{line}\n- Begin with"), encoding="utf-8")


def restored(project: Path, line: str) -> None:
    """Takes that line out again."""
    path = project / "prompts" / "answer.prompty"
    path.write_text(path.read_text(encoding="utf-8").replace(f"{line}\n", ""), encoding="utf-8")


EDITS = {"careful": CAREFUL, "grand": GRAND}
EDIT = re.compile(r"^<!-- (?P<what>add|remove) (?P<name>\w+) -->$", re.MULTILINE)


def page(keep: Path | None = None) -> str:
    """The page as it should be: every console block holds what its commands print, one after the other."""
    text = PAGE.read_text(encoding="utf-8")
    suite = next(match["text"] for match in FILE.finditer(text) if match["name"] == "evals/ferries.yaml")
    with page_shell(answered, model="reader", name="ferries", keep=keep) as shell:
        write(shell.project, suite)
        shell.printed("ragstone ingest")
        return "".join(_parts(text, shell))


def _printed(command: str, shell: PageShell) -> str:
    """What a command prints, without seconds, which are other ones each time, and its exit code unless it is 0."""
    said, code = shell.run(command)
    return TOOK.sub("… s", f"{said}\n(exit code {code})" if code else said)


def _parts(text: str, shell: PageShell) -> Iterator[str]:
    """The page's parts in their order, since each command stands on those before it."""
    place = 0
    steps = sorted(
        [*BLOCK.finditer(text), *EDIT.finditer(text), *TABLE.finditer(text)], key=lambda match: match.start()
    )
    for match in steps:
        yield text[place : match.start()]
        place = match.end()
        if match.re is EDIT:
            act = edited if match["what"] == "add" else restored
            act(shell.project, EDITS[match["name"]])
            yield match[0]
        elif match.re is TABLE:
            report = (shell.project / "report.md").read_text(encoding="utf-8").strip()
            yield f"<!-- report -->\n```markdown\n{TOOK.sub('… s', report)}\n```\n<!-- end of report -->"
        else:
            commands = [line[2:] for line in match["lines"].splitlines() if line.startswith("$ ")]
            shown = "\n\n".join(f"$ {command}\n{_printed(command, shell)}".strip() for command in commands)
            yield f"```console\n{shown}\n```"
    yield text[place:]


if __name__ == "__main__":
    kept = Path(sys.argv[sys.argv.index("--keep") + 1]) if "--keep" in sys.argv else None
    wanted = page(kept)
    if "--check" in sys.argv:
        raise SystemExit(wanted != PAGE.read_text(encoding="utf-8") and "docs/did-it-help.md is stale. Run: make docs")
    PAGE.write_text(wanted, encoding="utf-8")
