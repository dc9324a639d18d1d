"""What every visitor may know of a shop's program, in one language: a ready-made, signed, cacheable body.

Built once per program version, offer and language and kept in the process, so that answering costs next to nothing. What
the process knows of the shop, of its program and of its rewards is a few seconds old at most (`shops.facts…`,
`programs.current`, `rewards.current`).
"""

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app

from backend import clock, strict_json
from backend.errors import BadInput
from backend.loyalty import merchant_html
from backend.loyalty.program import programs
from backend.loyalty.program.settings import Appearance, ProgramSettings
from backend.loyalty.referrals.referral_payouts import RULE as REFERRAL
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.wording import in_every_language, is_language_tag, pick, pick_language
from backend.widget_api import answers, earn_shapes, offers, referral_words, tier_shape
from backend.widget_api.colours import ink_on
from backend.widget_api.earn_shapes import Shown
from backend.widget_api.offers import Offer
from backend.widget_api.referral_shape import referral_shape
from backend.widget_api.reward_shapes import Tongue, campaign_shape, shape
from backend.widget_api.words import SENTENCES, sentences

_MAX_DOCUMENTS = 2_000
_MAX_WISHES = 20_000


@dataclass(frozen=True, slots=True)
class ProgramDocument:
    """One shop's program in one language."""

    shop: ShopFacts
    settings: ProgramSettings
    language: str
    words: Mapping[str, str]
    body: bytes
    compressed: bytes
    etag: str
    compressed_etag: str
    earn: tuple[Shown, ...]
    """The ways to earn as the body shows them, for whoever adds a member's state."""
    offer: Offer
    shapes: Mapping[int, dict[str, Any]]
    """The offer's rewards and gifts as everybody sees them, by their ids."""
    referral: Mapping[str, Any]

    @property
    def tongue(self) -> Tongue:
        return Tongue(self.shop, self.settings, self.language, self.words)

    def answer(self, *, is_compressed: bool) -> tuple[answers.Headers, bytes]:
        """The headers and the body of a 200, signed now."""
        etag = self.compressed_etag if is_compressed else self.etag
        headers = answers.public(self.shop, self.body, etag)
        return ([*headers, answers.GZIP], self.compressed) if is_compressed else (headers, self.body)

    def rule_title(self, rule_id: str) -> str | None:
        """What the rule is called, or None if the program has no such rule any more."""
        title = next((rule.title for rule in self.settings.rules if rule.id == rule_id), None)
        return pick(title, self.language, self.shop.locale) if title is not None else None

    def occasion(self, rule_id: str | None, order: str | None) -> str | None:
        """What brought points: the order by its number, or the rule by its title. None if neither is known."""
        if order:
            return self.words["order"].format(order=order)
        if rule_id == REFERRAL and self.rule_title(rule_id) is None:
            return referral_words.words(self.language, self.shop.locale)["title"]
        return self.rule_title(rule_id) if rule_id else None


_documents: dict[tuple[ShopFacts, int, tuple[object, ...], tuple[str, ...], str], ProgramDocument] = {}
_languages: dict[tuple[int, int, tuple[object, ...], str | None], str] = {}


def of(shop: ShopFacts, wanted: str | None) -> ProgramDocument:
    """The program of today in the wanted language, else in the shop's own."""
    version, settings = programs.current(shop.id)
    now = clock.now()
    offer = offers.of(shop.id, now)
    if wanted is not None and not is_language_tag(wanted):
        wanted = None
    wish = (shop.id, version, offer.stamp, wanted)
    language = _languages.get(wish)
    if language is None:
        language = _language(shop, settings, offer, wanted)
        _remember(_languages, wish, language, _MAX_WISHES)
    what = (shop, version, offer.stamp, earn_shapes.active(settings, now), language)
    known = _documents.get(what)
    if known is None:
        known = _build(shop, settings, offer, language, now)
        _remember(_documents, what, known, _MAX_DOCUMENTS)
    return known


def _remember(cache: dict[Any, Any], key: object, value: object, most: int) -> None:
    if len(cache) >= most:
        cache.clear()
    cache[key] = value


def _language(shop: ShopFacts, settings: ProgramSettings, offer: Offer, wanted: str | None) -> str:
    """One of the few languages that this program or we have words in: so nobody can make us build without end."""
    available = dict.fromkeys([*SENTENCES, *_languages_of(settings, offer)])
    return pick_language(available, wanted, shop.locale) or "en"


def _languages_of(settings: ProgramSettings, offer: Offer) -> Iterator[str]:
    yield from settings.points_name
    yield from settings.rules_text
    yield from settings.appearance.launcher_label or ()
    for rule in settings.rules:
        yield from rule.title
        yield from rule.text or ()
        yield from rule.button.label if rule.button else ()
    for reward in offer.all:
        yield from reward.definition.translations
    for level in settings.tiers.levels if settings.tiers is not None else ():
        yield from level.name
    yield from settings.referral.text or ()


def _build(shop: ShopFacts, settings: ProgramSettings, offer: Offer, language: str, now: datetime) -> ProgramDocument:
    words = sentences(language, shop.locale)
    tongue = Tongue(shop, settings, language, words)
    offered = offer if settings.enabled else offers.NOTHING
    shapes = {reward.id: shape(reward, tongue) for reward in offered.all}
    earn = tuple(earn_shapes.shown(tongue, now)) if settings.enabled else ()
    points_names = in_every_language(settings.points_name)
    points_language = pick_language(points_names, language, shop.locale) or "en"
    referral = referral_shape(tongue)
    body = strict_json.dumps(
        {
            "shop": {
                "name": shop.name,
                "url": shop.address,
                "currency": shop.currency,
                "locale": shop.locale,
                "timezone": shop.timezone,
            },
            "program": {
                "enabled": settings.enabled,
                "points_name": points_names[points_language],
                "rules_html": _rules_html(shop, settings, language),
            },
            "locale": language,
            "appearance": _appearance(shop, settings.appearance, language),
            "earn": [way.shape for way in earn],
            "rewards": [shapes[each.id] for each in offered.rewards if each.definition.show_on_guest_dashboard],
            "referral": referral,
            "tiers": tier_shape.program_shape(tongue) if settings.enabled else None,
            "campaign": _campaign(offered, shapes, tongue),
            "strings": {},
        }
    )
    digest = hashlib.sha256(body).hexdigest()[:20]
    return ProgramDocument(
        shop,
        settings,
        language,
        words,
        body,
        compressed=gzip.compress(body, mtime=0),
        etag=f'"{digest}"',
        compressed_etag=f'"{digest}-gz"',
        earn=earn,
        offer=offered,
        shapes=shapes,
        referral=referral,
    )


def _campaign(offer: Offer, shapes: Mapping[int, dict[str, Any]], tongue: Tongue) -> dict[str, Any] | None:
    if offer.campaign is None:
        return None
    base_url = current_app.config["LAGNIAPPE"].base_url
    return {
        **campaign_shape(offer.campaign, tongue, base_url),
        "gifts": [shapes[each.id] for each in offer.gifts],
    }


def _rules_html(shop: ShopFacts, settings: ProgramSettings, language: str) -> str | None:
    """Cleaned when it was written, and again here: a text that older rules of cleaning let pass reaches no page."""
    html = pick(settings.rules_text, language, shop.locale)
    try:
        return merchant_html.clean(html) if html else None
    except BadInput:
        return None


def _appearance(shop: ShopFacts, appearance: Appearance, language: str) -> dict[str, Any]:
    return {
        "position": appearance.position,
        "accent": appearance.accent,
        "accent_ink": ink_on(appearance.accent),
        "launcher_label": pick(appearance.launcher_label or {}, language, shop.locale)
        or sentences(language, shop.locale)["label"],
    }
