"""Stage `ai`: the provider says what is on the picture, or has said it before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.tagger.cache import digest_of
from services.tagger.errors import PermanentError, RateLimitedError, RetryableError
from services.tagger.metrics import PROVIDER_CALLS, PROVIDER_COST, PROVIDER_TOKENS
from services.tagger.providers.provider import Call, Question, Recognition, Usage
from services.tagger.stages.stage import Stage, Work


async def _run(work: Work) -> None:
    record, provider = work.record, work.tools.provider
    question = await work.tools.vocabulary.question(record)
    work.recognition, work.cached = await work.tools.cache.recognition(
        digest_of(record.fields["sha256"], provider, question),
        lambda: _recognize(work, question),
        clock=work.clock,
        fresh=record.fresh,
    )
    work.fields["provider"] = provider.name


async def _recognize(work: Work, question: Question) -> Recognition:
    if work.picture is None:
        raise RuntimeError("the stage `ai` needs the picture that `analyzing` makes")
    return await work.tools.provider.recognize(work.picture, question, turn=lambda: _turn(work))


@asynccontextmanager
async def _turn(work: Work) -> AsyncIterator[Call]:
    """Wait for a turn at the gate; what the call costs is the work's, however it ends."""
    async with work.tools.gate.turn(work.clock, priority=work.record.priority) as call:
        work.calls += 1
        result = "dropped"
        try:
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
            PROVIDER_CALLS.labels(provider=work.tools.provider.name, result=result).inc()
            work.tools.accounts.ended(work.tools.provider, call.usage)
            if call.usage is not None:
                _account(work, call.usage)


def _account(work: Work, usage: Usage) -> None:
    provider = work.tools.provider
    cost_usd = provider.price.of(usage)
    work.usage = (work.usage or Usage(0, 0)) + usage
    work.cost_usd += cost_usd
    PROVIDER_TOKENS.labels(provider=provider.name, kind="prompt").inc(usage.prompt_tokens)
    PROVIDER_TOKENS.labels(provider=provider.name, kind="completion").inc(usage.completion_tokens)
    PROVIDER_COST.labels(provider=provider.name).inc(cost_usd)


RECOGNIZE = Stage(
    id="ai",
    progress=30,
    icon="sparkles",
    labels={"fr": "IA", "en": "AI"},
    messages={"fr": "Génération des tags...", "en": "Generating tags..."},
    run=_run,
    timeout_s=90,
)
