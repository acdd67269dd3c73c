"""Stage `analyzing`: the bytes become a picture, and say what else they know of the photo."""

from __future__ import annotations

from services.tagger.errors import PermanentError, RetryableError
from services.tagger.stages.stage import Stage, Work
from shared.blobs.names import original
from shared.errors import BadImageError, BlobMissingError, UnavailableError
from shared.record import fields_of


async def _run(work: Work) -> None:
    try:
        data = await work.tools.blobs.get(original(work.record.filename))
    except BlobMissingError:
        raise PermanentError("blob_missing", "The file of the photo is gone") from None
    provider, fallback = work.tools.provider, work.tools.fallback
    try:
        work.picture, facts = await work.tools.decoder.read(
            data,
            longest_side_px=provider.picture_side_px,
            as_jpeg=provider.takes_jpeg and fallback is None and not work.pixels,
        )
    except BadImageError as error:
        raise PermanentError("bad_image", str(error)) from None
    except UnavailableError:
        raise RetryableError("decoder_unavailable", "the decoder is not available") from None
    work.facts.update(fields_of(facts))


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
