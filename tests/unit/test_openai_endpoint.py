"""Where calls of the provider `openai` go."""

from __future__ import annotations

import pytest

from services.tagger.providers.openai import OpenAIProvider
from services.tagger.providers.openai_endpoint import Endpoint
from services.tagger.settings import TaggerSettings


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        (None, "https://api.openai.com/v1/chat/completions"),
        # As a compose file gives what its user has not set.
        ("", "https://api.openai.com/v1/chat/completions"),
        ("http://127.0.0.1:11434/v1/", "http://127.0.0.1:11434/v1/chat/completions"),
    ],
)
async def test_calls_go_to_openai_unless_another_address_is_set(
    variable: str | None, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    if variable is not None:
        monkeypatch.setenv("OPENAI_BASE_URL", variable)

    endpoint = Endpoint(api_key="k", base_url=TaggerSettings().openai_base_url)
    await endpoint.close()

    assert endpoint.url == url


@pytest.mark.parametrize("address", ["http://1.2.3.400/v1", "http://-é-/v1"])
async def test_an_address_that_the_sdk_cannot_use_is_one_line(address: str) -> None:
    provider = OpenAIProvider(api_key="k", base_url=address, model="m")
    with pytest.raises(ValueError, match=r"^OPENAI_BASE_URL, or a proxy .*, cannot be used: .+$"):
        await provider.start()
