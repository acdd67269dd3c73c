"""What the tagger counts."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from shared.metrics import from_zero

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

_LONG_SECONDS: Final = (*_SECONDS, 120, 300, 600, 1800, 3600, 14400)

PICKUP_SECONDS: Final = Histogram(
    "tagline_pickup_seconds", "From when a photo could be begun to the start of its attempt.",
    buckets=_LONG_SECONDS,
)  # fmt: skip
PHOTO_SECONDS: Final = Histogram(
    "tagline_photo_seconds",
    "The whole of a photo, from when it was queued to its end, by how it ended: complete, error.",
    ["result"],
    buckets=_LONG_SECONDS,
)
STAGE_SECONDS: Final = Histogram(
    "tagline_stage_seconds",
    "Time spent in a stage, without waiting for others.",
    ["stage"],
    buckets=_SECONDS,
)
ATTEMPTS: Final = Counter(
    "tagline_attempts_total",
    "Attempts by how they ended: complete, error, retry, handed_over (another worker has the "
    "photo or nobody needs to), given_back (it waited while the tagger stopped), or unavailable "
    "(Redis stayed away).",
    ["result"],
)
FAILURES: Final = Counter("tagline_failures_total", "Failed attempts by code.", ["code"])
IN_LINE: Final = Gauge(
    "tagline_photos_in_line", "Photos that wait, as the tagger that tells them last counted them."
)
RECONCILED: Final = Counter(
    "tagline_photos_put_back_total", "Photos whose message was lost, and that were queued again."
)
PROVIDER_CALLS: Final = Counter(
    "tagline_provider_calls_total",
    "Calls of the provider by how they ended: ok, rejected (for good), rate_limited, failed, or "
    "dropped (cut off by us).",
    ["provider", "result"],
)
PROVIDER_TOKENS: Final = Counter(
    "tagline_provider_tokens_total", "Tokens used, by kind: prompt, completion.",
    ["provider", "kind"],
)  # fmt: skip
PROVIDER_COST: Final = Counter(
    "tagline_provider_cost_usd_total", "What the calls cost, US dollars.", ["provider"]
)
TAGS: Final = Counter(
    "tagline_tags_total",
    "Tags that providers found, by what became of them: kept, threshold (not sure enough), stop, "
    "not_in_list, merged (with another of the photo), too_many, or nameless (in its language).",
    ["result"],
)
REFUSED_FORMS: Final = Counter(
    "tagline_provider_refused_forms_total",
    "Calls refused because the server gives no answers of that form: json_schema, json_object.",
    ["provider", "form"],
)
CACHE_LOOKUPS: Final = Counter(
    "tagline_cache_lookups_total",
    "Recognitions by where they came from: hit, shared (another attempt was asking), miss, or "
    "fresh (wanted so).",
    ["result"],
)
FACTS_LOOKUPS: Final = Counter(
    "tagline_facts_lookups_total",
    "Photos by whether what their bytes say was known: hit (of a copy) or miss.",
    ["result"],
)
NAME_LOOKUPS: Final = Counter(
    "tagline_name_lookups_total",
    "Lookups of the ids of a photo's tags: hit (all at hand), miss (Redis was asked), or moved (a "
    "name leads to another tag by now, or the server came anew: a lookup anew follows).",
    ["result"],
)
GATE_SECONDS: Final = Histogram(
    "tagline_gate_wait_seconds",
    "What a call waited for its turn.",
    ["provider"],
    buckets=_LONG_SECONDS,
)
GATE_STATE: Final = Gauge(
    "tagline_gate_state",
    "How the provider was when last asked for a turn: 0 well, 1 held back, 2 down, 3 the budget of "
    "the day spent.",
    ["provider"],
)
GATE_STATES: Final = {"": 0, "full": 0, "rate": 0, "held": 1, "down": 2, "budget": 3}
"""The figure for each reason to wait."""

BUDGET: Final = Gauge(
    "tagline_budget_usd", "The budget for a day, US dollars; not there without one.", ["provider"]
)
BUDGET_REMAINING: Final = Gauge(
    "tagline_budget_remaining_usd",
    "What is left of the day's budget, over all taggers, US dollars; not there without a budget.",
    ["provider"],
)

from_zero(ATTEMPTS, "complete", "error", "retry", "handed_over", "given_back", "unavailable")
from_zero(PHOTO_SECONDS, "complete", "error")
from_zero(CACHE_LOOKUPS, "hit", "shared", "miss", "fresh")
from_zero(FACTS_LOOKUPS, "hit", "miss")
from_zero(NAME_LOOKUPS, "hit", "miss", "moved")
