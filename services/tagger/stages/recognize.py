"""Stage `ai`: the provider says what is on the picture."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.tagger.providers.provider import Call, Usage
from services.tagger.stages.stage import Stage, Work


async def _run(work: Work) -> None:
    if work.picture is None:
        raise RuntimeError("the stage `ai` needs the picture that `analyzing` makes")
    provider = work.tools.provider
    work.recognition = await provider.recognize(
        work.picture, locale=work.record.locale, turn=lambda: _accounted(work)
    )
    work.fields["provider"] = provider.name


@asynccontextmanager
async def _accounted(work: Work) -> AsyncIterator[Call]:
    """Give the turn for a call; its cost is the work's, however it ends."""
    call = Call()
    work.calls += 1
    try:
        yield call
    finally:
        if call.usage is not None:
            work.usage = (work.usage or Usage(0, 0)) + call.usage
            work.cost_usd += work.tools.provider.price.of(call.usage)


RECOGNIZE = Stage(
    id="ai",
    progress=30,
    icon="sparkles",
    labels={"fr": "IA", "en": "AI"},
    messages={"fr": "Génération des tags...", "en": "Generating tags..."},
    run=_run,
    timeout_s=90,
)
