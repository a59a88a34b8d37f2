"""Every example of the handbook runs: Python, commands, YAML and the prompt file.

`python` blocks run in a folder that holds the project `mydocs`, `sh` blocks inside the project. `yaml` begins with the
path of the file that it shows, and `jinja` is a whole prompt file. What needs a server or a key is `console` or `text`.
"""

from __future__ import annotations

import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import ragstone
from ragstone.cli.app import app
from ragstone.cli.init import Default, write
from ragstone.evaluation.suites.suite import suite_faults
from ragstone.project import Project

pytestmark = pytest.mark.long

DOCS = Path(__file__).parents[2] / "docs"
TECHNIQUES = runpy.run_path(str(DOCS / "techniques.py"))
TRAVEL = "# Travel rules\n\nFirst class is allowed on train journeys of more than four hours.\n"


def blocks(language: str) -> list[tuple[str, str]]:
    """The blocks of one language, each with its page and number."""
    found: list[tuple[str, str]] = []
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        parts = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        found += [(f"{path.stem}-{number}", part) for number, part in enumerate(parts, 1)]
    return found


def cases(language: str) -> list[object]:
    return [pytest.param(code, id=name) for name, code in blocks(language)]


def data(name: str) -> str:
    """The lines of a data file that a page shows beside its example."""
    page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    return "".join(re.findall(r"^```jsonl\n(.*?)^```", page, re.DOTALL | re.MULTILINE))


def few_shot(prompts: Path) -> None:
    """Writes the prompt file with examples that a page shows, and the examples."""
    (prompts / "examples").mkdir(exist_ok=True)
    (prompts / "examples" / "answer.jsonl").write_text(data("few-shot"))
    ((_, text),) = [block for block in blocks("jinja") if block[0].startswith("few-shot")]
    (prompts / "solved.prompty").write_text(text)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the ingested project `mydocs` and the data files that two pages show."""
    folder = tmp_path_factory.mktemp("workplace")
    write(folder / "mydocs", model=Default.extractive)
    for place in (folder / "mydocs" / "documents", folder / "documents"):
        place.mkdir(exist_ok=True)
        (place / "travel.md").write_text(TRAVEL)
    (folder / "questions.jsonl").write_text(data("evaluating-retrieval"))
    (folder / "answers.jsonl").write_text(data("evaluating-answers"))
    (folder / "cases.jsonl").write_text(data("ablation"))
    few_shot(folder / "mydocs" / "prompts")
    with ragstone.open(folder / "mydocs") as rag:
        rag.ingest()
        rag.ask("When is first class allowed?")
    return folder


@pytest.fixture
def closing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Closes what an example leaves open: the handbook leaves that to the end of the program."""
    opened: list[ragstone.Rag] = []
    real = ragstone.open

    def remembered(*args: object, **kwargs: object) -> ragstone.Rag:
        opened.append(real(*args, **kwargs))  # type: ignore[arg-type]
        return opened[-1]

    monkeypatch.setattr(ragstone, "open", remembered)
    yield
    for rag in opened:
        rag.close()


@pytest.mark.parametrize("code", cases("python"))
def test_python_runs(code: str, workplace: Path, monkeypatch: pytest.MonkeyPatch, closing: None):
    monkeypatch.chdir(workplace)
    exec(compile(code, "handbook", "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("code", cases("sh"))
def test_commands_run(code: str, workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path if "ragstone init" in code else workplace / "mydocs")
    for line in code.strip().splitlines():
        words = shlex.split(line)
        if words[0] == "ragstone":
            shown = CliRunner().invoke(app, words[1:])
            assert shown.exit_code == 0, f"{line}\n{shown.output}"
        elif words[0] == "cd":
            monkeypatch.chdir(words[1])
        elif words[:2] == ["mkdir", "-p"]:
            Path(words[2]).mkdir(exist_ok=True)
        else:
            assert (words[0], words[2]) == ("printf", ">"), f"a command this test does not know: {line}"
            Path(words[3]).write_text(words[1].encode().decode("unicode_escape"))


def test_a_prompt_is_explained_as_the_page_shows_it(workplace: Path, monkeypatch: pytest.MonkeyPatch):
    page = (DOCS / "few-shot.md").read_text(encoding="utf-8")
    shown = re.search(r"```sh\nragstone ([^\n]+)\n```\n\nIt prints:\n\n```text\n(.*?)\n```", page, re.DOTALL)
    assert shown is not None
    monkeypatch.chdir(workplace / "mydocs")
    printed = CliRunner().invoke(app, shlex.split(shown[1]), env={"COLUMNS": "80"})
    found, expected = (re.sub(r"version \w+", "version", text) for text in (printed.output, shown[2]))
    assert [line.rstrip() for line in found.strip().splitlines()] == expected.splitlines()


@pytest.mark.parametrize("text", cases("yaml"))
def test_yaml_is_what_the_project_accepts(text: str, tmp_path: Path):
    write(tmp_path, model=Default.extractive)
    name = re.match(r"# (\S+)", text)
    assert name is not None, "a yaml block begins with the path of its file"
    for folder in re.findall(r"^path: (\w+)$", text, re.MULTILINE):  # a source's folder has to be there
        (tmp_path / folder).mkdir(exist_ok=True)
    for table in re.findall(r"^path: (\w+\.csv)$", text, re.MULTILINE):
        (tmp_path / table).touch()
    for file in re.findall(r"^file: (\S+\.py)$", text, re.MULTILINE):  # as a block before it on that page has it
        (tmp_path / file).write_text(next(code for _, code in blocks("python") if code.startswith(f"# {file}\n")))
    if re.search(
        r"^(?:loader|reader|vectorstore|chat|file): ", text, re.MULTILINE
    ):  # it runs code, which a project must allow
        project = tmp_path / "pyproject.toml"
        project.write_text(project.read_text().replace("[tool.ragstone]", "[tool.ragstone]\nplugins = true"))
    if "{ocr: tesseract}" in text:  # as the block before it on that page has it
        (tmp_path / "connectors" / "tesseract.yaml").write_text("kind: ocr\ntype: tesseract\n")
    if "rerank: {by: cross}" in text:  # likewise
        (tmp_path / "connectors" / "cross.yaml").write_text("kind: reranker\ntype: rerank\n")
    if "{nli: entailment" in text:  # any reranker
        (tmp_path / "connectors" / "entailment.yaml").write_text("kind: reranker\ntype: rerank\n")
    if name.group(1).startswith("evals/"):  # its cases, as a block behind it has some, and the prompt that it exchanges
        suite_of(tmp_path, text)
    path = tmp_path / name.group(1)
    if path.suffix == ".prompty":  # keys of the front matter, to be put into the file that ships
        (tmp_path / "prompts" / "personas").mkdir()
        (tmp_path / TECHNIQUES["PERSONA"]).write_text(TECHNIQUES["persona"]())
        text = TECHNIQUES["switched"](path.read_text(), text, path)
    path.write_text(text)
    downloads = "python -m spacy download"  # as the block before it on that page does
    project = Project(tmp_path)
    faults = [*project.faults(), *suite_faults(project)]
    assert [str(fault) for fault in faults if downloads not in str(fault)] == []


def suite_of(root: Path, text: str) -> None:
    (root / "evals").mkdir()
    page = next(name.rpartition("-")[0] for name, code in blocks("yaml") if code == text)
    cases = next(code for name, code in blocks("jsonl") if name.rpartition("-")[0] == page)
    for file in re.findall(r"^cases: (\S+)$", text, re.MULTILINE):
        (root / "evals" / file).write_text(cases)
    for prompt in re.findall(r"prompt: (\w+)", text):
        (root / f"prompts/{prompt}.prompty").write_text((root / "prompts/answer.prompty").read_text())
    answers = root / "pipelines/answer.yaml"
    if model := re.search(r"model: (\w+)", text):  # it has to be in the route
        answers.write_text(re.sub(r"models: \[", f"models: [{model[1]}, ", answers.read_text()))


@pytest.mark.parametrize("text", cases("jinja"))
def test_prompt_files_are_what_the_loader_accepts(text: str, tmp_path: Path):
    write(tmp_path, model=Default.extractive)
    few_shot(tmp_path / "prompts")
    if "{from: orders" in text:  # as a block before it on that page has it
        connector = next(code for _, code in blocks("yaml") if code.startswith("# connectors/orders.yaml"))
        (tmp_path / "connectors" / "orders.yaml").write_text(connector)
    (tmp_path / "prompts" / "shown.prompty").write_text(text)
    shown = CliRunner().invoke(
        app, ["prompt", "explain", "shown", "--project", str(tmp_path), "--set", "question=Why?"]
    )
    assert shown.exit_code == 0, shown.output
