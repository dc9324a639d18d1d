"""What every visitor may know of a shop's program, in one language: a ready-made, signed, cacheable body.

Built once per program version, offer and language and kept in the process, so that answering costs next to nothing. What
the process knows of the shop, of its program and of its rewards is a few seconds old at most (`shops.facts…`,
`programs.current`, `rewards.current`).
"""

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import current_app

from backend import clock, strict_json
from backend.errors import BadInput
from backend.loyalty import merchant_html, programs
from backend.loyalty.settings import ORDER_RULE, Appearance, Earn, ProgramSettings, Rule
from backend.loyalty.shops import ShopFacts
from backend.loyalty.wording import in_every_language, is_language_tag, pick, pick_language, points_text
from backend.widget_api import offers
from backend.widget_api.amounts import money
from backend.widget_api.colours import ink_on
from backend.widget_api.offers import Offer
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
    earn: tuple[dict[str, Any], ...]
    """The rules as the body shows them, for whoever adds a member's state."""
    offer: Offer
    shapes: Mapping[int, dict[str, Any]]
    """The offer's rewards and gifts as everybody sees them, by their ids."""

    @property
    def tongue(self) -> Tongue:
        return Tongue(self.shop, self.settings, self.language, self.words)

    def rule_title(self, rule_id: str) -> str | None:
        """What the rule is called, or None if the program has no such rule any more."""
        return next((rule["title"] for rule in self.earn if rule["id"] == rule_id), None)

    def occasion(self, rule_id: str | None, order: str | None) -> str | None:
        """What brought points: the order by its number, or the rule by its title. None if neither is known."""
        if order:
            return self.words["order"].format(order=order)
        return self.rule_title(rule_id) if rule_id else None


_documents: dict[tuple[ShopFacts, int, tuple[object, ...], str], ProgramDocument] = {}
_languages: dict[tuple[int, int, tuple[object, ...], str | None], str] = {}


def of(shop: ShopFacts, wanted: str | None) -> ProgramDocument:
    """The program of today in the wanted language, else in the shop's own."""
    version, settings = programs.current(shop.id)
    offer = offers.of(shop.id, clock.now())
    if wanted is not None and not is_language_tag(wanted):
        wanted = None
    wish = (shop.id, version, offer.stamp, wanted)
    language = _languages.get(wish)
    if language is None:
        language = _language(shop, settings, offer, wanted)
        _remember(_languages, wish, language, _MAX_WISHES)
    known = _documents.get((shop, version, offer.stamp, language))
    if known is None:
        known = _build(shop, settings, offer, language)
        _remember(_documents, (shop, version, offer.stamp, language), known, _MAX_DOCUMENTS)
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
        yield from rule.button.label if rule.button else ()
    for reward in offer.all:
        yield from reward.definition.translations


def _build(shop: ShopFacts, settings: ProgramSettings, offer: Offer, language: str) -> ProgramDocument:
    words = sentences(language, shop.locale)
    tongue = Tongue(shop, settings, language, words)
    offered = offer if settings.enabled else offers.NOTHING
    shapes = {reward.id: shape(reward, tongue) for reward in offered.all}
    earn = tuple(_earn(shop, settings, language, words)) if settings.enabled else ()
    points_names = in_every_language(settings.points_name)
    points_language = pick_language(points_names, language, shop.locale) or "en"
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
            "earn": earn,
            "rewards": [shapes[each.id] for each in offered.rewards if each.definition.show_on_guest_dashboard],
            "referral": {"enabled": False},
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


def _earn(
    shop: ShopFacts, settings: ProgramSettings, language: str, words: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """All ways to earn (S4.4), orders first; each with its button (S4.5) to the page where it is done (S4.6)."""
    yield {
        "id": ORDER_RULE,
        "kind": "order",
        "title": words["complete_an_order"],
        "points_text": _points_for_spending(shop, settings, settings.earn, language, words),
        "button": {"label": words["purchase"], "url": shop.address},
    }
    for rule in settings.rules:
        yield {
            "id": rule.id,
            "kind": rule.kind,
            "title": pick(rule.title, language, shop.locale),
            "points_text": points_text(settings.points_name, rule.points or 0, language, shop.locale),
            "button": _button(shop, rule, language, words),
        }


def _button(shop: ShopFacts, rule: Rule, language: str, words: Mapping[str, str]) -> dict[str, str | None]:
    """The merchant's own, else one whose page the widget knows from its script's attributes (`data-signup-url`)."""
    if rule.button is None:
        return {"label": words["sign_up"], "url": None}
    url = rule.button.url
    label = pick(rule.button.label, language, shop.locale)
    return {"label": label, "url": f"{shop.address}{url}" if url.startswith("/") else url}


def _points_for_spending(
    shop: ShopFacts, settings: ProgramSettings, earn: Earn, language: str, words: Mapping[str, str]
) -> str:
    """ "1 point for every €10"."""
    return words["points_per_amount"].format(
        points=points_text(settings.points_name, earn.points_per_step, language, shop.locale),
        amount=money(earn.spend_step, shop.currency, language),
    )
