"""Stage `analyzing`: the bytes become a picture, and say what else they know of the photo."""

from __future__ import annotations

from services.tagger.metrics import FACTS_LOOKUPS
from services.tagger.stages.decoded import decoded
from services.tagger.stages.stage import Stage, Work


async def _run(work: Work) -> None:
    known = work.record.facts
    FACTS_LOOKUPS.labels(result="miss" if known is None else "hit").inc()
    if known is not None and not work.pixels:
        # Nobody looks at these bytes again, unless the provider has to be asked.
        work.facts.update(known)
        work.undecoded = True
    else:
        work.picture = await decoded(work)


ANALYZE = Stage(
    id="analyzing",
    share=20,
    icon="search",
    labels={"fr": "Analyse", "en": "Analysis"},
    messages={"fr": "Analyse de l'image en cours...", "en": "Analysing the image..."},
    run=_run,
    timeout_s=60,
    makes=("picture",),
)
