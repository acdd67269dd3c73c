"""The singular of a word, as far as rules without a dictionary may be trusted.

Two words for one tag that are not known as such make two tags, and a synonym mends that; two tags
taken for one cannot be told apart again. So a word is left as it is when in doubt. What comes out
stands for a word and is never shown: it need not be one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SHORT: Final = 3
"""Words of so few letters are left as they are: `bus`, `gas`."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ACCENTED: Final[Mapping[str, frozenset[str]]] = {
    "en": _words("résumé rosé"),
    "fr": _words("bronzé côté curé glacé jeûne lamé marché mûr péché pâté rosé sablé salé tâche"),
}
"""Words that nothing but their accents tell from others: `marché` and `marche`."""

_KEPT: Final[Mapping[str, frozenset[str]]] = {
    "en": _words(
        "arms atlas blues canvas chaos christmas clothes cosmos customs glasses goods news pants "
        "rhinoceros series shorts species texas trunks woods"
    ),
    "fr": _words(
        "abces ananas atlas bras cadenas chaos chaux ciseaux congres corps cosmos cours cypres "
        "dames dessous echecs enclos faux fils gros heros lilas lunettes mars matelas mors ours "
        "pates printemps progres puits remous repas rhinoceros succes taux temps toilettes "
        "velours verglas"
    ),
}
"""What ends like a plural and is none, or means something else than its singular does."""

_IRREGULAR: Final[Mapping[str, Mapping[str, str]]] = {
    language: dict(pair.split(":") for pair in pairs.split())
    for language, pairs in {
        "en": (
            "aches:ache avalanches:avalanche axes:axe bikinis:bikini brioches:brioche "
            "brownies:brownie calves:calf canoes:canoe children:child cliches:cliche "
            "collies:collie cookies:cookie elves:elf emus:emu feet:foot foodies:foodie "
            "geese:goose halves:half headaches:headache hooves:hoof hoodies:hoodie "
            "horseshoes:horseshoe huskies:husky irises:iris kiwis:kiwi knives:knife leaves:leaf "
            "lenses:lens lives:life loaves:loaf men:man menus:menu mice:mouse "
            "moustaches:moustache movies:movie mustaches:mustache niches:niche oboes:oboe oxen:ox "
            "people:person prairies:prairie quiches:quiche quizzes:quiz rookies:rookie "
            "scarves:scarf selfies:selfie shelves:shelf shoes:shoe skis:ski smoothies:smoothie "
            "snowmen:snowman snowshoes:snowshoe taxis:taxi teeth:tooth thieves:thief toes:toe "
            "wives:wife wolves:wolf women:woman zombies:zombie"
        ),
        "fr": (
            "amis:ami bijoux:bijou bikinis:bikini boyaux:boyau cailloux:caillou choux:chou "
            "cieux:ciel coraux:corail emaux:email genoux:genou hiboux:hibou joujoux:joujou "
            "joyaux:joyau kiwis:kiwi menus:menu messieurs:monsieur noyaux:noyau poux:pou "
            "skis:ski taxis:taxi tissus:tissu travaux:travail tuyaux:tuyau vitraux:vitrail "
            "yeux:oeil"
        ),
    }.items()
}

_LIKE_A_SINGULAR: Final = ("ss", "us", "is")
"""Ends of singulars more often than of plurals: `grass`, `cactus`, `tennis`, `souris`."""


def singular(word: str, plain: str, locale: str) -> str:
    """Return `plain`, which is `word` in lower case without accents, in the singular.

    Where its accents alone tell a word from another, they stay.
    """
    for each in (word, word.removesuffix("s")):
        if each in _ACCENTED[locale]:
            return each
    if plain in _IRREGULAR[locale]:
        return _IRREGULAR[locale][plain]
    if len(plain) <= SHORT or not plain.isalpha() or plain in _KEPT[locale]:
        return plain
    return _english(plain) if locale == "en" else _french(plain)


def _english(word: str) -> str:
    if not word.endswith("s") or word.endswith(_LIKE_A_SINGULAR):
        return word
    if word.endswith("ies") and len(word) > SHORT + 1:
        return word[:-3] + "y"
    # `cactuses`, but `houses` and `causes`
    of_us = word.endswith("uses") and not word.endswith(("auses", "ouses"))
    if of_us or word.endswith(("sses", "shes", "ches", "xes", "oes")):
        return word[:-2]
    return word[:-1]


def _french(word: str) -> str:
    if word.endswith(("eaux", "eux", "ous")):
        return word[:-1]
    if word.endswith("aux"):
        return word[:-3] + "al"
    if word.endswith("s") and not word.endswith(_LIKE_A_SINGULAR):
        return word[:-1]
    return word
