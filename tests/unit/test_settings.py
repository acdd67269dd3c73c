"""Settings that cannot be meant: one line on stderr that names the variable, and exit code 2."""

from __future__ import annotations

import pytest

from services.gateway.settings import GatewaySettings
from services.tagger.settings import TaggerSettings
from shared.origins import is_allowed
from shared.settings import load

TAGGERS = {
    "TAGLINE_MAX_CALLS",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_MODEL",
    "TAGLINE_CLAIM_AFTER_MS",
    "TAGLINE_GRACE_S",
}


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("REDIS_URL", "redis://:hunter2/3@h:6379/0", "has a port that is not 1 to 65535"),
        ("REDIS_URL", "redis://h:0/0", "has a port that is not 1 to 65535"),
        ("REDIS_URL", "redis://h:1,h:2/0", "has a port that is not 1 to 65535"),
        ("REDIS_URL", "redis://h/photos", "has a database that is no number"),
        ("REDIS_URL", "redis://h/0?db=x", "has an option that cannot be used: Invalid value"),
        ("REDIS_URL", "redis://h/0?shard=1", "cannot be used: got an unexpected keyword argument"),
        ("REDIS_URL", "rediss://h/0?ssl_cert_reqs=some", "cannot be used: Invalid SSL Certificate"),
        ("REDIS_URL", "rediss://h/0?ssl_ca_certs=/nowhere", "names ssl_ca_certs, ssl_certfile or"),
        ("REDIS_URL", "redis+sentinel://h/photos?shard=1", "has an option that cannot be used"),
        ("REDIS_URL", "redis://h/0?decode_responses=yes", "replies are read as bytes"),
        ("REDIS_URL", "unix://", "must name a socket"),
        ("TAGLINE_API_KEYS", ",", "names no key"),
        ("TAGLINE_API_KEYS", " ", "names no key"),
        ("TAGLINE_ALLOWED_ORIGINS", "https://photos.example/page", "is no origin"),
        ("TAGLINE_ALLOWED_ORIGINS", "https://photos.example:99999", "is no origin"),
        ("TAGLINE_ALLOWED_ORIGINS", "http://[", "is no origin"),
        ("TAGLINE_PUBLIC_NOTIFIER_URL", "https://events.example\n", "must be an address"),
        ("TAGLINE_PUBLIC_NOTIFIER_URL", "https://events.example?key=1", "must be an address"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "must be an address such as http://"),
        ("TAGLINE_API_KEYS_FILE", "keys-\udcff", "must be UTF-8"),
        ("OPENAI_MODEL", "gpt-\udcff", "must be UTF-8"),
        ("OPENAI_BASE_URL", "nope", "must be an address"),
        ("OPENAI_BASE_URL", "https://models.example:99999/v1", "must be an address"),
        ("OPENAI_BASE_URL", "https://models.example/v1?api-version=1", "must be an address"),
        ("OPENAI_API_KEY", "sk-one\nsk-hunter2", "must be of visible ASCII characters"),
        ("OPENAI_API_KEY", "sk-hunter2é", "must be of visible ASCII characters"),
        ("TAGLINE_CLAIM_AFTER_MS", "9" * 30, "less than or equal to 86400000"),
        ("TAGLINE_MAX_CALLS", "1" + "0" * 22, "must be at most 9007199254740992"),
        ("TAGLINE_MAX_PIXELS", "1" + "0" * 22, "less than or equal to 2147483647"),
        ("TAGLINE_BODY_TIMEOUT_S", "1e300", "less than or equal to 86400"),
        ("TAGLINE_GRACE_S", "1e9", "less than or equal to 86400"),
        ("TAGLINE_RETENTION_S", "99999999999999999999", "less than or equal to 315360000"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_a_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(SystemExit) as ended:
        load(TaggerSettings if variable in TAGGERS else GatewaySettings)

    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{variable}: ")
    assert said in line
    assert "hunter2" not in line


def test_blanks_around_what_is_sent_to_a_provider_do_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test\n")
    monkeypatch.setenv("OPENAI_BASE_URL", " https://models.example/v1\n")
    monkeypatch.setenv("OPENAI_MODEL", "\n")
    settings = load(TaggerSettings)

    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "sk-test"
    assert settings.openai_base_url == "https://models.example/v1"
    assert settings.openai_model == "gpt-4o-mini"


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://Photos.Example/", "https://photos.example"),
        ("https://photos.example:443", "https://photos.example"),
        ("http://photos.example:80", "http://photos.example"),
        ("http://photos.example:443", "http://photos.example:443"),
        ("http://[::1]:5173", "http://[::1]:5173"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
    ],
)
def test_an_origin_may_be_written_otherwise_than_browsers_send_it(
    monkeypatch: pytest.MonkeyPatch, written: str, sent: str
) -> None:
    monkeypatch.setenv("TAGLINE_ALLOWED_ORIGINS", f" {written} ,")

    allowed = load(GatewaySettings).allowed_origins

    assert is_allowed(sent, host="gateway.example", allowed=allowed)
