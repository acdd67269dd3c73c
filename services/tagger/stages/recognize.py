"""Stage `ai`: the provider says what is on the picture."""

from __future__ import annotations

from services.tagger.stages.stage import Stage, Work


async def _run(work: Work) -> None:
    if work.picture is None:
        raise RuntimeError("the stage `ai` needs the picture that `analyzing` makes")
    provider = work.tools.provider
    work.recognition = await provider.recognize(work.picture, locale=work.record.locale)
    work.fields["provider"] = provider.name


RECOGNIZE = Stage(
    id="ai",
    progress=30,
    icon="sparkles",
    labels={"fr": "IA", "en": "AI"},
    messages={"fr": "Génération des tags...", "en": "Generating tags..."},
    run=_run,
    timeout_s=90,
)
