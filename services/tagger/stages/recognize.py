"""Stage `ai`: the provider says what is on the picture, or has said it before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.tagger.cache import digest_of, digest_of_question
from services.tagger.errors import (
    BudgetSpentError,
    PermanentError,
    RateLimitedError,
    RetryableError,
)
from services.tagger.gate import Gate, OpenGate
from services.tagger.metrics import PROVIDER_CALLS, PROVIDER_COST, PROVIDER_TOKENS
from services.tagger.providers.provider import Call, Provider, Question, Recognition, Usage
from services.tagger.stages.decoded import decoded
from services.tagger.stages.stage import Stage, Work
from shared import tracing
from shared.decoding.picture import Picture


async def _run(work: Work) -> None:
    tools = work.tools
    try:
        await _ask(work, tools.provider, tools.gate)
    except BudgetSpentError:
        if tools.fallback is None:
            raise
        await _ask(work, tools.fallback, OpenGate())


async def _ask(work: Work, provider: Provider, gate: Gate) -> None:
    record, answer = work.record, work.record.answer
    question = await work.tools.vocabulary.question(record)
    asked = digest_of_question(provider, question)
    work.recognition, work.cached = await work.tools.cache.recognition(
        digest_of(record.fields["sha256"], asked),
        lambda: _recognize(work, provider, gate, question),
        clock=work.clock,
        fresh=record.fresh,
        job_id=record.job_id,
        known=answer.json if answer and answer.question == asked else None,
    )
    work.fields["provider"] = provider.name


async def _recognize(work: Work, provider: Provider, gate: Gate, question: Question) -> Recognition:
    if work.told is not None:
        # Nobody pays for a photo that has been cancelled, or is another's by now.
        await asyncio.shield(work.told)
    return await provider.recognize(
        await _taken_picture(work), question, turn=lambda: _turn(work, provider, gate)
    )


async def _taken_picture(work: Work) -> Picture:
    """Return the picture, which `work` lets go of if nobody else will look at it.

    A call takes seconds, and pixels are most of what an attempt holds.
    """
    if work.picture is None and work.undecoded:
        work.picture = await decoded(work)
    picture = work.picture
    if picture is None:
        raise RuntimeError("the stage `ai` needs the picture that `analyzing` makes")
    if "picture" not in work.later and work.tools.fallback is None:
        work.picture = None
    return picture


@asynccontextmanager
async def _turn(work: Work, provider: Provider, gate: Gate) -> AsyncIterator[Call]:
    """Wait for a turn at the gate; what the call costs is the work's, however it ends."""
    async with gate.turn(work.clock, priority=work.record.priority) as call:
        result = "dropped"
        try:
            with tracing.span("call", kind="client", provider=provider.name, model=provider.model):
                yield call
            result = "ok"
        except PermanentError:
            result = "rejected"
            raise
        except RateLimitedError:
            result = "rate_limited"
            raise
        except RetryableError:
            result = "failed"
            raise
        finally:
            PROVIDER_CALLS.labels(provider=provider.name, result=result).inc()
            work.bills.append(work.tools.accounts.ended(work.record, provider, call))
            if call.usage is not None:
                _count(provider, call.usage)


def _count(provider: Provider, usage: Usage) -> None:
    PROVIDER_TOKENS.labels(provider=provider.name, kind="prompt").inc(usage.prompt_tokens)
    PROVIDER_TOKENS.labels(provider=provider.name, kind="completion").inc(usage.completion_tokens)
    PROVIDER_COST.labels(provider=provider.name).inc(provider.price.of(usage))


RECOGNIZE = Stage(
    id="ai",
    share=40,
    icon="sparkles",
    labels={"fr": "IA", "en": "AI"},
    messages={"fr": "Génération des tags...", "en": "Generating tags..."},
    run=_run,
    timeout_s=90,
    needs=("picture",),
    makes=("recognition",),
)
