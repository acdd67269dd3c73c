from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.gateway.settings import GatewaySettings
from shared.callers import ApiKeys, read_key
from shared.key_file import MOST_CHARS, KeyFile, read_keys
from shared.settings import load


def test_a_file_has_a_key_a_line_and_a_name_may_have_two_secrets(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("# of March\nanna: old:with:colons \n\n  anna:new\r\nben@shop.example:b\n")

    keys = read_keys(path)

    assert [(key.name, key.secret.get_secret_value()) for key in keys] == [
        ("anna", "old:with:colons"),
        ("anna", "new"),
        ("ben@shop.example", "b"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"anna:a\nhunter2\n", "line 2, must be name:secret"),
        (b"anna:\n", "line 1, must be name:secret"),
        (b"an na:hunter2\n", "line 1, has a name that is not 1 to 64 of: letters a-z"),
        (b"anna:hunter2\nben:hunter2\n", "gives two names the same secret"),
        (b"# nothing\n", "names no key"),
        (b"\xff\xfe", "is not UTF-8"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_makes_no_sense_is_a_bad_setting_and_its_secrets_are_not_shown(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: bytes | None,
    said: str,
) -> None:
    path = tmp_path / "keys"
    if text is not None:
        path.write_bytes(text)
    monkeypatch.setenv("TAGLINE_API_KEYS_FILE", str(path))

    with pytest.raises(SystemExit) as ended:
        load(GatewaySettings)

    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"TAGLINE_API_KEYS_FILE: {path}")
    assert said in line
    assert "hunter2" not in line


@pytest.mark.parametrize("keys", ["hunter2", "anna:", "an na:hunter2", "anna:hunter2,ben:hunter2"])
def test_keys_that_make_no_sense_are_a_bad_setting_and_are_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], keys: str
) -> None:
    monkeypatch.setenv("TAGLINE_API_KEYS", keys)

    with pytest.raises(SystemExit):
        load(GatewaySettings)

    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("TAGLINE_API_KEYS: ")
    assert "hunter2" not in line


def test_keys_come_from_one_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "keys").write_text("anna:a")
    monkeypatch.setenv("TAGLINE_API_KEYS", "ben:b")
    monkeypatch.setenv("TAGLINE_API_KEYS_FILE", str(tmp_path / "keys"))

    with pytest.raises(SystemExit):
        load(GatewaySettings)

    assert "not both" in capsys.readouterr().err


def test_keys_that_are_replaced_say_whether_one_was_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "keys"

    def now(text: str) -> bool:
        path.write_text(text)
        return keys.replace(read_keys(path))

    path.write_text("anna:old")
    keys = ApiKeys(read_keys(path))

    assert not now("anna:old\nanna:new")
    assert {keys.caller("Bearer old"), keys.caller("Bearer new")} == {"anna"}
    assert now("anna:new")
    assert keys.caller("Bearer old") is None
    with pytest.raises(ValueError, match="no key"):
        keys.replace(())
    assert keys.caller("Bearer new") == "anna"


@pytest.mark.parametrize(
    ("environment", "warned"),
    [
        ({}, False),
        ({"TAGLINE_BIND": "::1"}, False),
        ({"TAGLINE_BIND": "0.0.0.0"}, True),
        ({"TAGLINE_BIND": "photos.example"}, True),
        ({"TAGLINE_BIND": "0.0.0.0", "TAGLINE_API_KEYS": "anna:a"}, False),
    ],
)
def test_a_service_that_is_open_to_the_network_says_so(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], *, warned: bool
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with capture_logs() as logs:
        load(GatewaySettings).warn_if_open()

    assert [log["event"] for log in logs] == ["open_to_the_network"] * warned


def test_a_secret_that_goes_to_another_name_is_taken_from_the_first() -> None:
    keys = ApiKeys([read_key("anna:a")])

    assert keys.replace([read_key("ben:a")])


def test_a_change_before_the_file_is_watched_is_not_missed(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("anna:new")
    keys = ApiKeys([read_key("anna:old")])

    KeyFile(path, keys)

    assert keys.caller("Bearer old") is None
    assert keys.caller("Bearer new") == "anna"


def test_a_file_too_long_is_refused_and_no_secret_of_it_cut(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("#" * MOST_CHARS + "\nanna:a")

    with pytest.raises(ValueError, match="is longer than"):
        read_keys(path)
