"""A project whose answers pass validators of Guardrails. `test_guardrails.py` runs this where that is installed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import no_network
import ragstone
from cached_project import CachedProject
from ragstone.connectors.guardrails import vendor
from ragstone.project import Project

no_network.refuse()
vendor.imported()

pytestmark = pytest.mark.filterwarnings("ignore")  # of packages that the other environment holds in other versions

QUESTION = "When does the halibut project ship?"
SAID = "It ships on 3 May 2031 [1]. Call +49 30 1234567 for more. It ships from here."
PHONES = "kind: check\ntype: guardrails\nvalidators: [local_validators.NoPhone]\nwhole: false\non_fail: fix\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CachedProject:
    made = CachedProject(tmp_path / "project", monkeypatch)
    made.say = lambda _, __: SAID
    made.write("pyproject.toml", "[tool.ragstone]\nplugins = true\n")
    made.write("connectors/phones.yaml", PHONES)
    checks = "checks:\n  - phones\n  - guardrails: {validators: [{ours/pattern: {regex: 'May|bridge'}}], on: input}\n"
    path = made.folder / "pipelines/answer.yaml"
    made.write("pipelines/answer.yaml", path.read_text() + checks)
    return made


async def test_an_answer_passes_the_validators_of_its_pipeline(project: CachedProject):
    async with ragstone.AsyncRag.open(project.folder) as rag:
        await rag.ingest()
        answer = await rag.ask(QUESTION)
    assert answer.text == "It ships on 3 May 2031 [1]. Call [phone] for more. It ships from here."
    told = {verdict.check: verdict for verdict in answer.verdicts}
    assert (told["phones"].passed, told["phones"].action) == (False, "fixed")
    assert told["phones"].reason == "it fails ours/no_phone"
    assert (told["guardrails"].stage, told["guardrails"].passed) == ("input", False)
    assert answer.notices == ("The answer was changed by the check 'phones': it fails ours/no_phone.",)


async def test_a_stream_of_it_says_the_same(project: CachedProject):
    async with ragstone.AsyncRag.open(project.folder) as rag:
        await rag.ingest()
        stream = rag.stream(QUESTION)
        said = "".join([delta.text async for delta in stream])
    assert said == stream.answer.text
    assert "Call [phone] for more. It ships" in said


async def test_the_page_of_the_handbook_tells_what_works(
    project: CachedProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    page = (Path(__file__).parents[2] / "docs/guardrails.md").read_text(encoding="utf-8")
    module, files, parts, face = re.findall(r"^```text\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    connector, pipeline = files.split("\n\n")
    project.write("my_validators.py", module)
    project.write("connectors/phones.yaml", connector)
    answering = project.folder / "pipelines/answer.yaml"
    project.write("pipelines/answer.yaml", answering.read_text().partition("checks:")[0] + pipeline)
    monkeypatch.syspath_prepend(project.folder)
    async with ragstone.AsyncRag.open(project.folder) as rag:
        await rag.ingest()
        answer = await rag.ask(QUESTION)
    assert "Call [phone] for more." in answer.text
    exec(parts, {})
    exec(face, {})
    assert len(capsys.readouterr().out) == 81


def test_what_is_wrong_stands_with_its_line(project: CachedProject):
    project.write("connectors/phones.yaml", PHONES.replace("NoPhone", "NoFax"))
    (fault, *_) = map(str, Project(project.folder).faults())
    assert "phones.yaml:3:1: validators cannot be used: local_validators holds no NoFax" in fault
    project.write("connectors/phones.yaml", PHONES + "regex: x\n")
    (fault, *_) = map(str, Project(project.folder).faults())
    assert "phones.yaml:6:1" in fault
