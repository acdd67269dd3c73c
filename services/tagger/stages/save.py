"""Stage `saving`: what was recognized becomes the photo's tags, each with its id."""

from __future__ import annotations

import orjson

from services.tagger.metrics import TAGS
from services.tagger.providers.provider import ALT_CHARS, CAPTION_CHARS
from services.tagger.stages.stage import Stage, Work
from shared.plain import plain
from shared.record import PhotoTag


async def _run(work: Work) -> None:
    if work.recognition is None:
        raise RuntimeError("the stage `saving` needs what `ai` has recognized")
    locale = work.record.locale
    # Not before it is cached: another vocabulary may want another part of the same answer.
    judged = work.tools.vocabulary.judged(
        work.recognition.tags,
        locale=locale,
        given=[tag.name for tag in work.record.tags if tag.source == "user"],
    )
    for each in judged:
        TAGS.labels(result=each.result).inc()
    # Stages of one's own say what they mean: the vocabulary is for who may say anything.
    work.kept = [*work.added, *(each.tag for each in judged if each.result == "kept")]
    await name_kept(work)
    # Plain already, of a provider that keeps to its contract.
    texts = {
        "caption": plain(work.recognition.caption or "", chars=CAPTION_CHARS),
        "alt": plain(work.recognition.alt or "", chars=ALT_CHARS),
    }
    # Those of an earlier analysis, of another provider maybe, go with its tags.
    had = work.record.fields
    work.fields.update({name: text for name, text in texts.items() if text or name in had})


async def name_kept(work: Work) -> None:
    """Make the photo's tags of what is kept. Raises `UnavailableError`."""
    locale = work.record.locale
    work.names = await work.tools.naming.leads([tag.names for tag in work.kept], locale=locale)
    tags: dict[int, PhotoTag] = {}
    for lead, tag in zip(work.names, work.kept, strict=True):
        # Two names may be one tag; the surer one came first.
        tags.setdefault(
            lead.tag_id,
            PhotoTag(
                id=lead.tag_id,
                name=tag.names[locale],
                confidence=None if tag.confidence is None else round(tag.confidence, 4),
                source="ai",
            ),
        )
    work.tags = tuple(tags.values())
    work.fields["tags"] = orjson.dumps([tag.model_dump() for tag in work.tags]).decode()


SAVE = Stage(
    id="saving",
    share=30,
    icon="save",
    labels={"fr": "Sauvegarde", "en": "Saving"},
    messages={"fr": "Sauvegarde des tags...", "en": "Saving the tags..."},
    run=_run,
    timeout_s=30,
    needs=("recognition",),
)
