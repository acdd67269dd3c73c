"""Builds a tagger: the broker, the tools of the stages, health, and the worker over them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import dramatiq
import structlog
from dramatiq import Worker
from dramatiq.middleware import CurrentMessage
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from services.tagger import duties
from services.tagger.accounts import Accounts
from services.tagger.actors import EndDeadPhotos, Tagging
from services.tagger.budget_news import BudgetNews
from services.tagger.cache import Cache
from services.tagger.choose_gate import gate_for
from services.tagger.endings import Endings
from services.tagger.favourites import Favourites
from services.tagger.gate import Budget, Gate, Limits
from services.tagger.naming import Naming
from services.tagger.pipeline import Pipeline
from services.tagger.positions import Positions
from services.tagger.providers.choose import choose
from services.tagger.providers.labels import read_concepts
from services.tagger.providers.provider import FREE, Provider
from services.tagger.reconciler import Reconciler
from services.tagger.running import Running
from services.tagger.serving import serving
from services.tagger.settings import TaggerSettings
from services.tagger.stages.stage import Tools
from services.tagger.telling import Stages
from services.tagger.vocabulary import Vocabulary
from shared import keys
from shared.attempts import Attempts
from shared.blobs import BlobStore
from shared.broker import RedisStreamsBroker
from shared.commands import TAG_PHOTO
from shared.decoding.decoder import Decoder
from shared.decoding.facts import FACTS_FORMAT
from shared.health import Health
from shared.photos import Photos
from shared.redis import closing, connect, durability, once_there
from shared.serve import IDLE_S
from shared.tags import Tags
from shared.usage import NANOUSD_PER_USD

OUTLAST_S: Final = 20.0
"""How long an attempt waits for Redis to come back before it is given up: work that has been
paid for should survive a restart of the server."""

WAITS_S: Final = 3_600.0
"""What an attempt may wait for others, besides its own time: for the provider, and for another
attempt at the same photo."""

FACTS_KEPT_S: Final = 24 * 3600
"""How long it is known what a photo's bytes say: for those who send it twice, or in many copies."""

OPENAI_HOST: Final = "api.openai.com"

logger = structlog.stdlib.get_logger()


def chosen_provider(settings: TaggerSettings, provider: str) -> Provider:
    """Return a provider as the settings describe it, not started. Raises `ValueError`."""
    return choose(
        provider,
        openai_api_key=(
            settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
        ),
        openai_base_url=settings.openai_base_url,
        openai_model=settings.openai_model,
        prompt=settings.prompt,
        price_input_usd=settings.price_input_usd,
        price_output_usd=settings.price_output_usd,
        prices=settings.prices,
        model_dir=settings.cache_dir / "models",
        threads=1,
    )


def check_price(settings: TaggerSettings, provider: Provider) -> None:
    """Say so if what is paid for would be counted as nothing.

    Raises `ValueError` if there is a budget: it would never be spent.
    """
    if provider.endpoint is None or provider.price != FREE:
        return
    price = f"TAGLINE_PRICES={provider.model}=INPUT/OUTPUT, US dollars a million tokens"
    if settings.daily_budget_usd:
        raise ValueError(f"TAGLINE_DAILY_BUDGET_USD needs the price of the model: {price}")
    host = urlsplit(settings.openai_base_url or f"https://{OPENAI_HOST}").hostname
    if host == OPENAI_HOST and provider.model not in settings.prices:
        logger.warning("price_unknown", model=provider.model, counted_usd=0, set=price)


def vocabulary_of(settings: TaggerSettings, favourites: Favourites | None = None) -> Vocabulary:
    """Return the vocabulary by the settings; `favourites`: None where there are no galleries."""
    return Vocabulary(
        settings.vocabulary,
        known=[{"fr": concept.fr, "en": concept.en} for concept in read_concepts()],
        max_tags=settings.max_tags,
        min_confidence=settings.min_confidence,
        favourites=favourites,
    )


def _gate(
    settings: TaggerSettings, redis: Redis, provider: Provider, fallback: Provider | None
) -> Gate:
    return gate_for(
        provider,
        redis,
        Limits(
            max_calls=settings.max_calls,
            requests_per_minute=settings.requests_per_minute,
            tokens_per_minute=settings.tokens_per_minute,
        ),
        # Free again before the photos of a killed tagger come to others.
        lease_ms=settings.claim_after_ms * 4 // 5,
        budget=Budget(
            round(settings.daily_budget_usd * NANOUSD_PER_USD), fallback.name if fallback else ""
        ),
    )


def _looks_for(settings: TaggerSettings) -> str:
    """Return a word for what `Facts` are found in a photo; empty: they are not to be kept."""
    if not settings.cache_ttl_s:
        return ""
    return f"{FACTS_FORMAT} with place" if settings.keep_place else FACTS_FORMAT


@asynccontextmanager
async def opened_tools(settings: TaggerSettings, blobs: BlobStore) -> AsyncIterator[Tools]:
    """Open what the stages work with. Raises `RuntimeError` or `ValueError` if one cannot work."""
    async with AsyncExitStack() as opened:
        redis = await opened.enter_async_context(
            closing(
                connect(
                    settings.redis_url,
                    retry_for_s=OUTLAST_S,
                    connections=2 * settings.threads + 16,
                )
            )
        )
        tags = Tags(redis)
        tools = _tools(settings, blobs, redis, tags)
        # Closed from the last to the first, each whatever becomes of the others.
        parts = (
            tools.decoder, tools.accounts, tools.gate, tools.cache, tools.fallback, tools.provider,
        )  # fmt: skip
        for part in parts:
            if part is not None:
                opened.push_async_callback(part.close)
        await tools.decoder.start()
        await tools.provider.start()
        if tools.fallback is not None:
            await tools.fallback.start()
        await tools.gate.start()
        await tools.cache.start()
        # Names given by hand in one language meet their tags so, in the gateway, too.
        await once_there(lambda: tags.introduce(tools.vocabulary.pairs))
        yield tools


def _tools(settings: TaggerSettings, blobs: BlobStore, redis: Redis, tags: Tags) -> Tools:
    """Return what the stages work with, not started. Raises `ValueError`."""
    provider = chosen_provider(settings, settings.provider)
    check_price(settings, provider)
    fallback = None
    if settings.budget_fallback and provider.name != settings.budget_fallback:
        fallback = chosen_provider(settings, settings.budget_fallback)
    return Tools(
        photos=Photos(redis, retention_s=settings.retention_s),
        attempts=Attempts(
            redis,
            retention_s=settings.retention_s,
            looks_for=_looks_for(settings),
            facts_kept_s=min(FACTS_KEPT_S, settings.cache_ttl_s),
        ),
        naming=Naming(tags),
        blobs=blobs,
        decoder=Decoder(
            processes=settings.decoders,
            max_pixels=settings.max_pixels,
            places=settings.keep_place,
        ),
        provider=provider,
        gate=_gate(settings, redis, provider, fallback),
        cache=Cache(redis, ttl_s=settings.cache_ttl_s, lease_ms=settings.claim_after_ms),
        accounts=Accounts(redis),
        vocabulary=vocabulary_of(settings, Favourites(tags)),
        fallback=fallback,
    )


@asynccontextmanager
async def opened_running(
    settings: TaggerSettings, tools: Tools, pipeline: Pipeline, broker: RedisStreamsBroker
) -> AsyncIterator[Running]:
    """Open what knows the attempts under way, with all that a tagger does besides them."""
    attempts = Running(tools.attempts, give_back=lambda: not broker.starts_more)
    async with closing(connect(settings.redis_url, connections=4)) as redis:
        positions = Positions(
            redis,
            retention_s=settings.retention_s,
            budget_is_spent=lambda: tools.gate.why == "budget",
        )
        news = BudgetNews(attempts, tools.attempts, tools.gate)
        reconciler = Reconciler(redis)
        stages = Stages(redis, pipeline)
        async with duties.running(
            attempts.watch_forever,
            positions.tell_forever,
            reconciler.run_forever,
            news.tell_forever,
            stages.tell_forever,
        ):
            yield attempts


def build_broker(settings: TaggerSettings) -> RedisStreamsBroker:
    """Return the broker."""
    return RedisStreamsBroker(
        url=settings.redis_url,
        namespace=keys.SHARD,
        middleware=[CurrentMessage()],
        claim_after_ms=settings.claim_after_ms,
        max_work_ms=round((settings.attempt_timeout_s + WAITS_S) * 1000),
    )


def build_worker(
    settings: TaggerSettings,
    tools: Tools,
    pipeline: Pipeline,
    broker: RedisStreamsBroker,
    running: Running,
) -> Worker:
    """Return a worker, not started, whose broker knows the actor."""
    tagging = Tagging(
        tools,
        pipeline,
        Endings(broker, max_attempts=settings.max_attempts),
        running,
        attempt_timeout_s=settings.attempt_timeout_s,
        max_age_s=settings.max_age_s,
    )
    dramatiq.actor(broker=broker, actor_name=TAG_PHOTO, queue_name=keys.TAGGING_QUEUE)(
        tagging.tag_photo
    )
    broker.add_middleware(EndDeadPhotos(tagging))
    worker = Worker(broker, worker_threads=settings.threads)
    # Photos take seconds: one that waits here could have been started by another tagger.
    worker.queue_prefetch = settings.threads
    return worker


@asynccontextmanager
async def serving_health(
    settings: TaggerSettings,
    blobs: BlobStore,
    socket: Path | None = None,
    *,
    idle_s: float = IDLE_S,
) -> AsyncIterator[Health]:
    """Serve what this tagger says of itself: see `serving`."""
    async with closing(connect(settings.redis_url, connections=4)) as redis:
        health = Health(
            {"redis": lambda: durability(redis), "blobs": blobs.check},
            REGISTRY,
        )
        async with serving(health, settings, socket, idle_s=idle_s):
            yield health
