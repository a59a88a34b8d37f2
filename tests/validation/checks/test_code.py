import pytest

from ragstone.types import Context
from ragstone.validation.checks.code import CodeCheck
from ragstone.verdicts import Subject


async def found(text: str, **settings):
    check = CodeCheck(**{"language": "python", **settings})
    return await check.check(Subject(text=text, stage="output"), context=Context())


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("No code at all (.", "python"),
        ("```py\nx = 1\n```\n\n```\n(\n```\n```json\n(\n```", "python"),
        ("1. See:\n   ```python\n   def f():\n       pass\n   ```", "python"),
        ("```python\nx = '\\d'\n```", "python"),  # an odd escape is a warning
        ('```json\n{"a": [1]}\n```', "json"),
        ("```yaml\na: &x [1]\nb: *x\n---\nc: 2\n```", "yaml"),
        ("````python\nx = '''\n```\n'''\n````", "python"),
    ],
)
async def test_code_that_can_be_read_passes(text: str, language: str):
    assert (await found(text, language=language)).passed


@pytest.mark.parametrize(
    ("text", "language", "said"),
    [
        ("See:\n```python\nx = 1\ny = (\n```\nEnd.", "python", "line 4: '(' was never closed"),
        ("```python\ndef f(:\n", "python", "line 2: "),
        ('```json\n{"a": 1,}\n```', "json", "line 2: "),
        ("```yaml\na: [1\nb: 2\n```", "yaml", "line 3: "),
        ("~~~yml\n\ta: 1\n~~~", "yaml", "line 2: "),
        ("```python\n" + "(" * 5000 + "\n```", "python", "too many nested parentheses"),
        ("```python\nx = " + "-" * 100_000 + "1\n```", "python", "nested too deeply"),
        ("```python\nx = \0\n```", "python", "null bytes"),
        ("```json\n" + "[" * 100_000 + "\n```", "json", "nested too deeply"),
    ],
)
async def test_a_fault_is_named_with_its_line(text: str, language: str, said: str):
    finding = await found(text, language=language)
    assert not finding.passed
    assert said in finding.reason
    (flaw,) = finding.flaws
    assert text[: flaw.start].endswith("\n")


async def test_nothing_is_ever_run():
    assert (await found("```python\nimport os; os._exit(1)\n```")).passed


async def test_all_of_a_text_can_be_code():
    assert (await found("x = 1\n", whole=True)).passed
    assert not (await found("Here is the code:\nx = 1\n", whole=True)).passed
