"""No key is said: in no message, no repr, no chain of errors, no log and no trace, whatever goes wrong."""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner

from key_leaks import MARK, key
from openai_server import Server, closed_port, failure, serving
from ragstone.cli.app import app
from ragstone.cli.init import Default, write
from ragstone.config import Located, bind, expand, parse_yaml
from ragstone.connectors.loaders import LangChainSource
from ragstone.connectors.openai import OpenAIModel
from ragstone.connectors.pgvector import PgVectorStore
from ragstone.connectors.qdrant import QdrantStore
from ragstone.connectors.rerank import RerankServer
from ragstone.connectors.sql import SqlSource
from ragstone.errors import ConfigError, RagstoneError
from ragstone.protocols import Connector, Source
from ragstone.types import Context

KEY = key("x")


def chain(error: BaseException) -> str:
    """All that a traceback says, with the errors below."""
    return "".join(traceback.format_exception(error))


async def listed(source: Source) -> None:
    async for _ in source.items(context=Context()):
        pass


def sql(url: str) -> Callable[[], object]:
    return lambda: asyncio.run(listed(SqlSource(url=url, query="SELECT 1", key="a", text=["a"])))


def postgres(url: str) -> Callable[[], object]:
    return lambda: asyncio.run(PgVectorStore(url=url).load())


def qdrant(**keys: str) -> Callable[[], object]:
    return lambda: asyncio.run(QdrantStore(**keys).count(context=Context()))


NOBODY = f"127.0.0.1:{closed_port()}"


@pytest.mark.parametrize(
    "act",
    [
        sql(f"postgresql+psycopg://u:{KEY}@{NOBODY}/db"),
        sql(f"postgresql+psycopg://u:pa/{KEY}@{NOBODY}/db"),
        sql(f"postgresql+psycopg://u:{KEY}@127.0.0.1:port/db"),
        sql(f"nodriver://u:{KEY}@127.0.0.1/db"),
        sql(KEY),
        postgres(f"postgresql://u:{KEY}@{NOBODY}/db"),
        postgres(f"postgresql://u:pa/{KEY}@{NOBODY}/db"),
        postgres(f"postgresql://u:{KEY}@127.0.0.1:port/db"),
        postgres(f"postgresql://u:%zz{KEY}@127.0.0.1/db"),
        postgres(KEY),
        qdrant(url=f"http://{NOBODY}/?api_key={KEY}"),
        qdrant(url=f"ftp://{KEY}"),
        qdrant(url=KEY),
        lambda: RerankServer(f"http:{KEY}", api_key="x"),
        lambda: RerankServer(f"http://127.0.0.1:{KEY}", api_key="x"),
    ],
    ids=range(15),
)
def test_a_wrong_address_is_refused_without_its_password(act: Callable[[], object]) -> None:
    with pytest.raises(RagstoneError) as raised:
        act()
    assert MARK not in chain(raised.value)
    assert MARK not in repr(raised.value)


class Keyed(Connector):
    """A connector with keys."""

    def __init__(
        self,
        url: str = "",
        api_key: str = "",
        headers: dict[str, str] = {},  # noqa: B006
        timeout: float = 1,
        local: bool = False,
    ) -> None:
        pass


@pytest.mark.parametrize(
    "line", ["headers: {}", "timeout: {}", "local: {}", "api_key: ['{}']", "headers: {{X-Key: ['{}']}}"]
)
@pytest.mark.parametrize("value", ["${env:SHOP_KEY}", KEY], ids=["variable", "literal"])
def test_a_wrong_kind_of_value_is_named_without_the_value(line: str, value: str, tmp_path: Path) -> None:
    if value == KEY and line.split(":")[0] in ("timeout", "local"):
        pytest.skip("who writes a key there has written it into a file to be read")
    located = expand(parse_yaml(line.format(value), tmp_path / "a.yaml"), {"SHOP_KEY": KEY})

    def connector(kind: str, name: str) -> Connector:
        raise AssertionError

    with pytest.raises(ConfigError, match=r"a\.yaml:1:\d+: [\w.-]+: should (be|hold)") as raised:
        bind(Keyed, located, folder=tmp_path, connector=connector)
    assert MARK not in chain(raised.value)
    assert MARK not in repr(located)


def test_what_is_no_key_is_still_shown(tmp_path: Path) -> None:
    located: Located = expand(parse_yaml("timeout: soon", tmp_path / "a.yaml"), {"SHOP_KEY": KEY})
    with pytest.raises(ConfigError, match="should be a number: found 'soon'"):
        bind(Keyed, located, folder=tmp_path, connector=lambda kind, name: Keyed())


def test_a_line_that_is_no_yaml_is_not_quoted(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a\.yaml:1:\d+: is not valid YAML") as raised:
        parse_yaml(f"api_key: [{KEY}", tmp_path / "a.yaml")
    assert MARK not in chain(raised.value)


@pytest.mark.parametrize("arguments", [{"token": KEY}, {"options": {"headers": [KEY]}}])
def test_a_loader_that_repeats_its_arguments_is_cut(arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    class Loader:
        def __init__(self, **given: Any) -> None:
            self.given = given

        def lazy_load(self) -> Iterator[Any]:
            raise ValueError(f"denied: {self.given}")

    module = ModuleType("a_loader")
    module.Loader = Loader  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_loader", module)
    with pytest.raises(RagstoneError, match=r"ValueError: denied: .*\[hidden\]") as raised:
        asyncio.run(listed(LangChainSource(loader="a_loader.Loader", arguments=arguments)))
    assert MARK not in chain(raised.value)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def project(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose model's server repeats the key that it refuses."""
    write(tmp_path, model=Default.local)
    text = f"kind: model\ntype: openai\nmodel: m\nbase_url: {server.url}\napi_key: ${{env:SHOP_KEY}}\n"
    (tmp_path / "connectors" / "local.yaml").write_text(text)
    (tmp_path / "documents" / "a.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.\n")
    monkeypatch.setenv("SHOP_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["ingest"]).exit_code == 0
    return tmp_path


@pytest.mark.parametrize("debug", [[], ["--debug"]], ids=["plain", "debug"])
@pytest.mark.parametrize(
    "command", [["ask", "When does it ship?"], ["batch", "q.jsonl", "-o", "a.jsonl"]], ids=["ask", "batch"]
)
def test_a_server_that_repeats_the_key_is_not_repeated(
    project: Path, server: Server, command: list[str], debug: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    (project / "q.jsonl").write_text('"When does it ship?"\n')
    server.will(*[failure(401, f"Incorrect API key provided: {KEY}")] * 3)
    caplog.set_level(logging.DEBUG)
    done = CliRunner().invoke(app, [*command, *debug])
    assert done.exit_code == 1
    assert "it refused the key" in done.stderr
    assert ("Traceback" in done.stderr) == bool(debug)
    assert server.requests[0][2]["authorization"] == f"Bearer {KEY}"
    assert MARK not in done.output
    assert MARK not in caplog.text
    shown = CliRunner().invoke(app, ["trace", "show", "--json"]).output
    assert MARK not in shown
    for path in project.rglob("*"):
        if path.is_file() and path.parent.name != "connectors":
            assert MARK.encode() not in path.read_bytes(), path


def test_debug_switches_no_log_of_a_library_on(project: Path, server: Server) -> None:
    server.will(*[failure(401, "no")] * 3)
    names = ("openai", "httpx", "httpcore", "urllib3", "asyncio", "")
    before = [logging.getLogger(name).level for name in names]
    CliRunner().invoke(app, ["ask", "When does it ship?", "--debug"])
    assert [logging.getLogger(name).level for name in names] == before


async def test_no_repr_of_a_connector_shows_its_key() -> None:
    made: list[object] = [
        OpenAIModel("m", api_key=KEY),
        RerankServer("http://127.0.0.1:1", api_key=KEY),
        PgVectorStore(url=f"postgresql://u:{KEY}@127.0.0.1:1/db"),
        QdrantStore(url="http://127.0.0.1:1", api_key=KEY),
        SqlSource(url=f"sqlite:///{KEY}", query="SELECT 1", key="a", text=["a"]),
    ]
    assert MARK not in repr(made)
