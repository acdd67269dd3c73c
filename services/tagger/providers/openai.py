"""Provider `openai`: a vision model behind OpenAI's chat completions, or a compatible server."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import math
import re
import time
from email.utils import parsedate_to_datetime
from typing import Any, Final

import structlog
from PIL import Image

from services.tagger.errors import (
    PermanentError,
    RateLimitedError,
    RetryableError,
    TaggingError,
)
from services.tagger.metrics import REFUSED_FORMS
from services.tagger.providers.openai_answer import ERROR_TEXT, recognition, usage
from services.tagger.providers.openai_endpoint import Endpoint, NoAnswerError, RefusedError
from services.tagger.providers.openai_question import (
    FORMS,
    Form,
    lasting,
    prompt,
    response_format,
    schema,
)
from services.tagger.providers.provider import (
    FREE,
    Call,
    Price,
    Provider,
    Question,
    Recognition,
    Turn,
    at_once,
)
from shared.decoding.picture import Picture
from shared.decoding.protocol import SHOWN_QUALITY

_ABOUT_THE_FORM: Final = re.compile(
    r"response.?format|json.?schema|json.?object|structured.?output|grammar", re.IGNORECASE
)
_MAY_BE_THE_FORM: Final = frozenset({400, 404, 422, 500, 501})
_MAY_PASS: Final = frozenset({408, 409, 425})
"""Of those below 500: it took too long, another call was in the way, or it came too early."""

_UNPAID: Final = frozenset(
    {"insufficient_quota", "billing_not_active", "billing_hard_limit_reached"}
)
"""Why OpenAI refuses with 429, too: no wait would mend it."""

_OF_THE_PHOTO: Final = frozenset({"content_filter", "content_policy_violation"})
"""Why a filter before the model refuses: Azure's with 400, OpenRouter's with 403."""

logger = structlog.stdlib.get_logger()


class _FormRefusedError(PermanentError):
    """The server does not give answers of the form that was asked for."""

    def __init__(self) -> None:
        super().__init__("provider_rejected", ERROR_TEXT)


class OpenAIProvider(Provider):
    """Sends the picture, downscaled, in one request; retries nothing by itself."""

    name = "openai"
    picture_side_px = 512  # as large as the model looks at in `low` detail
    takes_jpeg = True

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str | None,
        model: str,
        price: Price = FREE,
        wanted: str | None = None,
        timeout_s: float = 60,
    ) -> None:
        self._api_key = api_key
        self._base_url = base_url
        self.model = model
        self._wanted = wanted
        self._timeout_s = timeout_s
        self._server: Endpoint | None = None
        self._form: Form = FORMS[0]
        self._tells_usage = True
        self._fingerprints: dict[Question, str] = {}
        self.price = price
        self.endpoint = _digest(self.name, base_url or "", api_key)[:16]

    def fingerprint(self, question: Question) -> str:
        """Return a hash of server, model and question, the words of a closed list included."""
        question = lasting(question)
        if question not in self._fingerprints:
            # One for each language: what else changes is what is preferred.
            self._fingerprints[question] = self._fingerprint(question)
        return self._fingerprints[question]

    def _fingerprint(self, question: Question) -> str:
        asked = (
            # A prompt of one's own need not say it, and names may be kept in it alone.
            question.locale,
            prompt(question, self._wanted),
            json.dumps(schema(question)),
            str(self.picture_side_px),
            str(SHOWN_QUALITY),
        )
        return _digest(self._base_url or "", self.model, *asked)

    async def start(self) -> None:
        """Nothing is sent. Raises `ValueError` where the SDK cannot use the address, or a proxy."""
        try:
            self._server = Endpoint(api_key=self._api_key, base_url=self._base_url)
        except Exception as error:  # noqa: BLE001  # its transport has errors of its own
            why = str(error).partition("\n")[0]
            raise ValueError(
                f"OPENAI_BASE_URL, or a proxy of the environment, cannot be used: {why}"
            ) from None

    async def recognize(
        self, picture: Picture, question: Question, *, turn: Turn = at_once
    ) -> Recognition:
        """Ask the model, in the strictest form that the server is known to take.

        A form that is refused costs a call; the next one that works is kept to.
        """
        if self._server is None:
            raise RuntimeError("start the provider first")
        jpeg = picture.jpeg or await asyncio.to_thread(_jpeg, picture)
        image_url = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
        del picture, jpeg  # not for as long as the call takes
        messages = _messages(prompt(question, self._wanted), image_url)
        for form in FORMS[FORMS.index(self._form) :]:
            try:
                async with turn() as call:
                    response = await self._ask(self._server, messages, form, question)
                    call.usage = usage(response)
            except _FormRefusedError:
                continue
            self._keep_to(form)
            self._note_untold(call)
            return recognition(response, question.locale)
        raise PermanentError("provider_rejected", ERROR_TEXT)

    async def _ask(self, server: Endpoint, messages: Any, form: Form, question: Question) -> bytes:
        wanted = response_format(form, question)
        asked: dict[str, Any] = {"model": self.model, "messages": messages}
        if wanted:
            asked["response_format"] = wanted
        try:
            async with asyncio.timeout(self._timeout_s):
                return await server.complete(asked)
        except TimeoutError:
            raise RetryableError("provider_timeout", ERROR_TEXT) from None
        except NoAnswerError as error:
            logger.warning("call_not_answered", provider=self.name, why=error.why)
            raise RetryableError("provider_unavailable", ERROR_TEXT) from None
        except RefusedError as error:
            if wanted and _about_the_form(error):
                REFUSED_FORMS.labels(provider=self.name, form=form).inc()
                raise _FormRefusedError from None
            logger.warning("call_refused", provider=self.name, status=error.status, code=error.code)
            raise _failure(error) from None

    def _keep_to(self, form: Form) -> None:
        # Only once it has worked: the errors of some servers quote the whole request, and would
        # speak of its form whatever they are about.
        if FORMS.index(form) > FORMS.index(self._form):
            logger.warning("answer_form_lowered", provider=self.name, form=form, was=self._form)
            self._form = form

    def _note_untold(self, call: Call) -> None:
        # Once: who set a price, and a budget perhaps, counts on being told.
        if call.usage is None and self.price != FREE and self._tells_usage:
            logger.warning("usage_not_told", provider=self.name, model=self.model, counted_usd=0)
            self._tells_usage = False

    async def close(self) -> None:
        """Close the connections."""
        if self._server is not None:
            await self._server.close()


def _messages(text: str, image_url: str) -> Any:
    # `low`: a fixed, small number of tokens, and enough to name things.
    image = {"type": "image_url", "image_url": {"url": image_url, "detail": "low"}}
    return [{"role": "user", "content": [{"type": "text", "text": text}, image]}]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _jpeg(picture: Picture) -> bytes:
    image = Image.frombytes("RGB", (picture.width, picture.height), picture.rgb)
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=SHOWN_QUALITY)
    return jpeg.getvalue()


def _about_the_form(error: RefusedError) -> bool:
    return error.status in _MAY_BE_THE_FORM and _ABOUT_THE_FORM.search(error.said) is not None


def _failure(error: RefusedError) -> TaggingError:
    match error.status:
        case 400 | 403 if error.code in _OF_THE_PHOTO:
            return PermanentError("provider_refused", ERROR_TEXT)
        case 401 | 403:
            return PermanentError("provider_auth", ERROR_TEXT)
        case 429 if error.code not in _UNPAID:
            return RateLimitedError(ERROR_TEXT, retry_after_s=_retry_after_s(error.retry_after))
        case 402 | 429:
            return PermanentError("provider_quota", ERROR_TEXT)
        case status if 400 <= status < 500 and status not in _MAY_PASS:  # noqa: PLR2004
            return PermanentError("provider_rejected", ERROR_TEXT)
        case _:
            return RetryableError("provider_unavailable", ERROR_TEXT)


def _retry_after_s(header: str | None) -> float | None:
    """Return the seconds of a `Retry-After` header (RFC 9110, 10.2.3), None if it has none."""
    if not header:
        return None
    try:
        wait_s = float(header)
    except ValueError:
        try:
            wait_s = parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(0.0, wait_s) if math.isfinite(wait_s) else None
