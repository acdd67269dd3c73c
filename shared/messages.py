"""The texts that people read in answers and events, in French and English.

The French ones are part of the contract, to the letter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, cast, get_args

Locale = Literal["fr", "en"]
LOCALES: Final[tuple[Locale, ...]] = get_args(Locale)

_TEXTS: Final[Mapping[str, Mapping[Locale, str]]] = {
    "accepted": {
        "fr": "Photo uploadée, analyse en cours...",
        "en": "Photo uploaded, analysis in progress...",
    },
    "batch_accepted": {
        "fr": "{total} photos uploadées, analyse en cours...",
        "en": "{total} photos uploaded, analysis in progress...",
    },
    "complete": {
        "fr": "Photo analysée avec succès! {count} tags générés.",
        "en": "Photo analysed successfully! {count} tags generated.",
    },
    "cancelled": {
        "fr": "Analyse annulée",
        "en": "Analysis cancelled",
    },
    "queued": {
        "fr": "En attente, position %d",
        "en": "Waiting, position %d",
    },
    "queued_budget": {
        "fr": "En attente, position %d : budget du jour épuisé",
        "en": "Waiting, position %d: today's budget is spent",
    },
    "budget_spent": {
        "fr": "Budget du jour épuisé, la photo attend...",
        "en": "Today's budget is spent, the photo waits...",
    },
    "failed": {
        "fr": "Erreur lors de l'analyse de la photo",
        "en": "The photo could not be analysed",
    },
    "waiting": {
        "fr": "Nouvel essai dans {seconds} s",
        "en": "Trying again in {seconds} s",
    },
    "retrying": {
        "fr": "Nouvel essai dans {seconds} s ({tries}/{max_attempts})",
        "en": "Trying again in {seconds} s ({tries}/{max_attempts})",
    },
}


def texts(key: str) -> Mapping[Locale, str]:
    """Return the text `key` in every locale, as it is before values are filled in."""
    return _TEXTS[key]


def text(key: str, locale: str, **values: object) -> str:
    """Return the text `key` in `locale`, with `values` filled in."""
    return _TEXTS[key][cast("Locale", locale)].format(**values)


def accepted_locale(header: str, default: str) -> str:
    """Return the locale of ours that an `Accept-Language` header likes best (RFC 9110)."""
    best, best_weight = default, 0.0
    for part in header.split(","):
        tag, _, parameter = part.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        weight = _weight(parameter)
        if language in LOCALES and weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
