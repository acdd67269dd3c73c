"""The Dockerfile and the compose file say what the services know."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from pydantic import AliasChoices

from deploy.image.health import PORTS, main
from services.gateway.settings import GatewaySettings
from services.notifier.settings import NotifierSettings
from services.tagger.settings import TaggerSettings
from shared.settings import Settings
from tests.support.needs import missing
from tests.support.processes import ROOT

SETTINGS: dict[str, type[Settings]] = {
    "gateway": GatewaySettings,
    "tagger": TaggerSettings,
    "notifier": NotifierSettings,
}
NOT_OURS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
COMPOSE = ROOT / "deploy/compose.yaml"
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
LAST_WORDS_S = 10


def names_of(settings: type[Settings]) -> dict[str, Any]:
    """Every variable that the settings are read from, with its default."""
    found: dict[str, Any] = {}
    for field in settings.model_fields.values():
        alias = field.validation_alias
        for name in alias.choices if isinstance(alias, AliasChoices) else [alias]:
            found[str(name)] = field.default
    return found


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    composed: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return composed


@pytest.mark.parametrize("service", SETTINGS)
def test_compose_gives_each_service_settings_that_it_has(
    service: str, services: dict[str, Any]
) -> None:
    unknown = set(services[service]["environment"]) - set(names_of(SETTINGS[service]))
    assert unknown <= NOT_OURS


@pytest.mark.parametrize("service", SETTINGS)
def test_compose_waits_for_as_long_as_a_service_may_take_to_end(
    service: str, services: dict[str, Any]
) -> None:
    grace_s = int(services[service]["environment"]["TAGLINE_GRACE_S"])
    assert int(services[service]["stop_grace_period"].removesuffix("s")) > grace_s + LAST_WORDS_S


@pytest.mark.parametrize("service", SETTINGS)
def test_each_service_runs_with_no_more_than_it_needs(
    service: str, services: dict[str, Any]
) -> None:
    given = services[service]
    assert given["read_only"]
    assert given["cap_drop"] == ["ALL"]
    assert given["security_opt"] == ["no-new-privileges:true"]


def test_what_others_have_built_gets_what_its_image_wants_to_start_and_no_more(
    services: dict[str, Any],
) -> None:
    assert all(each["cap_drop"] == ["ALL"] and each["read_only"] for each in services.values())
    assert {name: each["cap_add"] for name, each in services.items() if "cap_add" in each} == {
        "proxy": ["NET_BIND_SERVICE"]
    }
    # As root the image's script calls setpriv, which fails without capabilities.
    assert services["redis"]["user"] == "999:999"


def test_the_files_that_compose_mounts_are_there(services: dict[str, Any]) -> None:
    for service in services.values():
        for volume in service.get("volumes", []):
            if volume.startswith("./"):
                assert (COMPOSE.parent / Path(volume.partition(":")[0])).exists(), volume


@pytest.mark.parametrize("service", SETTINGS)
def test_the_health_check_asks_where_the_service_listens(service: str) -> None:
    assert names_of(SETTINGS[service])[f"TAGLINE_{service.upper()}_PORT"] == PORTS[service]
    assert str(PORTS[service]) in re.search(r"^EXPOSE (.*)$", DOCKERFILE, re.MULTILINE)[1].split()  # type: ignore[index]


@pytest.mark.parametrize(
    ("bind", "here"),
    [("0.0.0.0", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("::", "::1"), ("", "127.0.0.1")],
)
def test_the_health_check_finds_a_service_at_its_address(
    monkeypatch: pytest.MonkeyPatch, bind: str, here: str
) -> None:
    family = socket.AF_INET6 if ":" in here else socket.AF_INET
    try:
        server = socket.create_server((here, 0), family=family)
    except OSError as error:
        missing(f"{here} cannot be listened at: {error}")
    with server:
        monkeypatch.setenv("SERVICE", "notifier")
        monkeypatch.setenv("TAGLINE_BIND", bind)
        monkeypatch.setenv("TAGLINE_NOTIFIER_PORT", str(server.getsockname()[1]))
        answering = Thread(target=answer, args=(server,), daemon=True)
        answering.start()

        assert main() == 0

        answering.join()


def answer(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def test_the_dockerfile_sets_what_every_service_knows_or_ignores() -> None:
    told = set(re.findall(r"\b(TAGLINE_[A-Z_]+)=", DOCKERFILE))
    known = set().union(*(names_of(each) for each in SETTINGS.values()))
    assert told <= known


def test_what_the_dockerfile_installs_is_locked() -> None:
    assert "EXTRA=otel" in DOCKERFILE
    named = re.findall(r"requirements/([a-z]+)\.txt", DOCKERFILE)
    assert "otel" in named
    for name in {*named, *SETTINGS}:
        assert "--hash=sha256:" in (ROOT / "requirements" / f"{name}.txt").read_text(), name
