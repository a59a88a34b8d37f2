"""A check with a file of its own, and where that file says it is asked."""

from pathlib import Path

import pytest

from ragstone.config import Located, read_yaml
from ragstone.errors import ConfigError
from ragstone.pipelines.build import Builder
from ragstone.pipelines.checks import guards_of
from ragstone.pipelines.spec import CheckSpec


def stages(folder: Path, on: str) -> tuple[str, ...]:
    (folder / "short.yaml").write_text(f"kind: check\ntype: length\nmost: 80\non: {on}\n")
    builder = Builder(folder, {"short": read_yaml(folder / "short.yaml")})
    spec = Located({}, folder / "answer.yaml", {})
    first, *_ = guards_of([CheckSpec(name="short")], spec, builder, given={}).all
    return first.stages


@pytest.mark.parametrize(
    ("on", "asked"), [("input", ("input",)), ("[input]", ("input",)), ("[input, passage]", ("input", "passage"))]
)
def test_one_stage_needs_no_list(tmp_path: Path, on: str, asked: tuple[str, ...]):
    assert stages(tmp_path, on) == asked


def test_a_stage_that_there_is_not_is_said_with_its_line(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"short\.yaml:4:"):
        stages(tmp_path, "elsewhere")
