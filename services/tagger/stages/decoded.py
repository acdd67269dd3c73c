"""A photo's picture, from its bytes, for whoever is the first to look at it."""

from __future__ import annotations

from services.tagger.errors import PermanentError, RetryableError
from services.tagger.stages.stage import Work
from shared.blobs.names import original
from shared.decoding.facts import Facts
from shared.decoding.picture import Picture
from shared.errors import BadImageError, BlobMissingError, UnavailableError
from shared.record import fields_of


async def decoded(work: Work) -> Picture:
    """Return the picture of `work`, which then knows what else the bytes say.

    Raises `PermanentError` and `RetryableError`.
    """
    async with work.tools.decoder.turn(waiting=work.clock.stopped):
        picture, facts = await _read(work)
    work.facts.update(fields_of(facts))
    return picture


async def _read(work: Work) -> tuple[Picture, Facts]:
    try:
        data = await work.tools.blobs.get(original(work.record.filename))
    except BlobMissingError:
        raise PermanentError("blob_missing", "The file of the photo is gone") from None
    provider, fallback = work.tools.provider, work.tools.fallback
    try:
        return await work.tools.decoder.read(
            data,
            longest_side_px=provider.picture_side_px,
            as_jpeg=provider.takes_jpeg and fallback is None and not work.pixels,
            waiting=work.clock.stopped,
        )
    except BadImageError as error:
        kind = RetryableError if error.may_pass else PermanentError
        raise kind("bad_image", str(error)) from None
    except UnavailableError:
        raise RetryableError("decoder_unavailable", "the decoder is not available") from None
