"""What the dashboard shows: five questions, and the panels that answer each.

Over replicas, what each counts itself is summed, and what all look at alike is taken once: `max`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from deploy.grafana.queries import OURS, RATE, Query, a_minute, a_second, part, quantiles

YES: Final = {"0": "no", "1": "yes"}
STATES: Final = {"0": "well", "1": "held back", "2": "down", "3": "budget spent"}


@dataclass(frozen=True, slots=True)
class Panel:
    """A graph, or, if `kind` is `stat`, the latest figures.

    `unit` is Grafana's word for it; `words` say what a figure means.
    """

    title: str
    unit: str
    queries: tuple[Query, ...]
    about: str = ""
    kind: str = "timeseries"
    words: Mapping[str, str] = field(default_factory=dict)


def graph(title: str, unit: str, *queries: Query, about: str = "") -> Panel:
    return Panel(title, unit, queries, about)


def stat(
    title: str, unit: str, *queries: Query, about: str = "", words: Mapping[str, str] | None = None
) -> Panel:
    return Panel(title, unit, queries, about, "stat", words or {})


HEALTHY: Final = (
    stat("Services that answer", "none", Query(f"sum by (job) (up{{{OURS}}})", "{{job}}")),
    stat(
        "Alerts",
        "none",
        Query('count(ALERTS{alertname=~"Tagline.*", alertstate="firing"}) or vector(0)', "firing"),
    ),
    stat(
        "Uploads refused for no fault of theirs",
        "percentunit",
        part("tagline_uploads_total", 'result=~"unavailable|internal_error"', "of all"),
    ),
    stat("Oldest photo without an end", "s", Query("max(tagline_unfinished_oldest_seconds)", "")),
    stat(
        "Provider",
        "none",
        Query("max by (provider) (tagline_gate_state)", "{{provider}}"),
        about="As it was when a tagger last asked for a turn.",
        words=STATES,
    ),
    stat(
        "Redis",
        "none",
        Query("min(tagline_redis_up)", "well"),
        Query("min(tagline_redis_safe)", "safe"),
        about="Safe: what it acknowledges is on its disk (appendfsync always).",
        words=YES,
    ),
    graph(
        "Photos a minute",
        "none",
        a_minute("tagline_uploads_total", where='result="accepted"', legend="uploads"),
        a_minute("tagline_photo_seconds_count", "result"),
    ),
    graph("Sockets", "none", Query("sum by (transport) (tagline_sockets)", "{{transport}}")),
    graph("Events sent a second", "none", a_second("tagline_events_sent_total", "event")),
)

TIME: Final = (
    graph("The answer to an upload", "s", *quantiles("tagline_upload_seconds")),
    graph(
        "Pickup",
        "s",
        *quantiles("tagline_pickup_seconds"),
        about="From when a photo could be begun to when it was.",
    ),
    graph(
        "Stages",
        "s",
        *quantiles("tagline_stage_seconds", "stage", of=(50, 95)),
        about="Without waiting for the provider's turn.",
    ),
    graph(
        "Waiting for the provider's turn",
        "s",
        *quantiles("tagline_gate_wait_seconds", "provider", of=(50, 95)),
    ),
    graph("A whole photo", "s", *quantiles("tagline_photo_seconds", where='result="complete"')),
    graph("From an event to its socket", "s", *quantiles("tagline_event_delay_seconds")),
    graph("Making a thumbnail", "s", *quantiles("tagline_thumbnail_seconds", of=(50, 95))),
    graph("Finding photos alike", "s", *quantiles("tagline_similar_seconds", of=(50, 95))),
)

FAILS: Final = (
    graph("Uploads refused a minute", "none", a_minute("tagline_uploads_refused_total", "reason")),
    graph("Error answers a minute", "none", a_minute("tagline_problems_total", "code")),
    graph(
        "Attempts a minute that did not end well",
        "none",
        a_minute("tagline_attempts_total", "result", where='result!="complete"'),
    ),
    graph("Failures a minute", "none", a_minute("tagline_failures_total", "code")),
    graph(
        "Calls of the provider a minute",
        "none",
        a_minute("tagline_provider_calls_total", "provider", "result"),
    ),
    graph(
        "Delayed and dead",
        "none",
        Query("max by (queue) (tagline_queue_delayed_messages)", "delayed"),
        Query("max by (queue) (tagline_queue_dead_letters)", "dead"),
    ),
    graph(
        "Connections a minute",
        "none",
        a_minute("tagline_connects_total", "result"),
        about="A resync is a client that was told that it may have missed something.",
    ),
    graph(
        "Sockets closed by us a minute",
        "none",
        a_minute("tagline_closes_total", "code"),
        a_minute("tagline_cut_offs_total", legend="cut off"),
        about="4008: it did not take what it was sent. 1001: the notifier stopped.",
    ),
    graph("Connections refused a minute", "none", a_minute("tagline_refusals_total", "reason")),
    graph("Redis errors a minute", "none", a_minute("tagline_redis_errors_total", "job", "error")),
)

COST: Final = (
    stat(
        "US dollars in this time",
        "currencyUSD",
        Query(
            "sum by (provider) (increase(tagline_provider_cost_usd_total[$__range]))",
            "{{provider}}",
        ),
    ),
    stat(
        "Left of the day's budget",
        "percentunit",
        Query(
            "min by (provider) (tagline_budget_remaining_usd / tagline_budget_usd)", "{{provider}}"
        ),
        about="Nothing without a budget.",
    ),
    stat(
        "Recognitions from the cache",
        "percentunit",
        part("tagline_cache_lookups_total", 'result=~"hit|shared"', "of all"),
    ),
    graph(
        "US dollars an hour",
        "currencyUSD",
        a_second("tagline_provider_cost_usd_total", "provider", times=3600),
    ),
    graph("Tokens a minute", "none", a_minute("tagline_provider_tokens_total", "provider", "kind")),
    graph("Photos' bytes a second", "Bps", a_second("tagline_upload_bytes_total", legend="bytes")),
)

SCALE: Final = (
    graph(
        "Waiting",
        "none",
        Query("max by (priority) (tagline_queue_waiting_messages)", "{{priority}}"),
        about="Where it only grows: more taggers, or more calls (TAGLINE_MAX_CALLS).",
    ),
    graph(
        "Taggers",
        "none",
        Query("sum(max by (queue, priority) (tagline_queue_held_messages))", "photos in work"),
        Query("max by (queue) (tagline_queue_workers)", "taggers"),
        about="A tagger works on TAGLINE_THREADS photos at a time.",
    ),
    graph(
        "Uploads under way",
        "none",
        Query("sum(tagline_uploads_under_way)", "all"),
        Query("max(tagline_uploads_under_way)", "the busiest gateway"),
        about="A gateway takes TAGLINE_MAX_UPLOADS at a time.",
    ),
    graph(
        "The fullest notifier",
        "none",
        Query("max(sum by (instance) (tagline_sockets))", "sockets"),
        Query("max(tagline_sockets_catching_up)", "catching up"),
        about="A notifier takes TAGLINE_MAX_SOCKETS.",
    ),
    graph(
        "Processors",
        "none",
        Query(
            f"sum by (job, instance) (rate(process_cpu_seconds_total{{{OURS}}}[{RATE}]))",
            "{{job}} {{instance}}",
        ),
        about="Without decoding children. A gateway and a notifier can use one.",
    ),
    graph(
        "Memory",
        "bytes",
        Query(
            f"sum by (job, instance) (process_resident_memory_bytes{{{OURS}}})",
            "{{job}} {{instance}}",
        ),
        about="Without decoding children.",
    ),
    graph(
        "Memory of Redis",
        "bytes",
        Query("max(tagline_redis_memory_used_bytes)", "used"),
        Query("max(tagline_redis_memory_max_bytes)", "maxmemory"),
        about="From 95 % of maxmemory on, uploads are refused.",
    ),
    graph("Free where the photos are", "bytes", Query("min(tagline_blobs_free_bytes)", "free")),
)

ROWS: Final = {
    "Is it healthy?": HEALTHY,
    "Where does time go?": TIME,
    "What fails?": FAILS,
    "What does it cost?": COST,
    "When must I scale?": SCALE,
}
