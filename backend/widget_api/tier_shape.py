"""Levels as the widget shows them: what the program offers, and where a member stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from backend.loyalty.program.settings import Level, Tiers
from backend.loyalty.tiers import tier_rules
from backend.loyalty.tiers.tier_rules import Counted, Standing
from backend.loyalty.wording import factor_text, pick, points_text
from backend.platforms.events import time_text
from backend.widget_api.amounts import money
from backend.widget_api.reward_shapes import Tongue

ORDERS: Mapping[str, Mapping[str, str]] = {
    "en": {"one": "order", "other": "orders"},
    "de": {"one": "Bestellung", "other": "Bestellungen"},
    "es": {"one": "pedido", "other": "pedidos"},
    "fr": {"one": "commande", "other": "commandes"},
    "it": {"one": "ordine", "other": "ordini"},
    "ja": {"other": "回の注文"},
    "nl": {"one": "bestelling", "other": "bestellingen"},
    "pl": {"one": "zamówienie", "few": "zamówienia", "many": "zamówień", "other": "zamówienia"},
    "pt-BR": {"one": "pedido", "other": "pedidos"},
    "zh-Hant": {"other": "筆訂單"},
    "ar": {"zero": "طلب", "one": "طلب", "two": "طلبان", "few": "طلبات", "many": "طلبًا", "other": "طلب"},
}
"""What orders are called where they are counted."""

STANDING_SQL = """(
        select json_build_object('basis', s.basis, 'value', s.value, 'value_before', s.value_before, 'reached', s.reached,
            'leaves_at', s.leaves_at, 'manual_level', s.manual_level, 'manual_until', s.manual_until)
        from tier_standing s where s.shop_id = m.shop_id and s.member_id = m.id)"""
"""Where a row `m` of the table member stands, for `standing_shape`."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A program's levels in one language."""

    tiers: Tiers
    tongue: Tongue

    def text_of(self, value: Decimal | int) -> str:
        """So much of what counts: "1,000 points", "€250", "3 orders"."""
        shop, settings, language = self.tongue.shop, self.tongue.settings, self.tongue.language
        match self.tiers.basis:
            case "points_earned":
                return points_text(settings.points_name, int(value), language, shop.locale)
            case "orders":
                return points_text(ORDERS, int(value), language, shop.locale)
            case "spend":
                return money(Decimal(value), shop.currency, language)

    def name_of(self, level: Level) -> str:
        return pick(level.name, self.tongue.language, self.tongue.shop.locale) or level.id

    def level(self, level: Level) -> dict[str, Any]:
        return {
            "id": level.id,
            "name": self.name_of(level),
            "multiplier_text": self._multiplier_text(level.multiplier),
            "perks": [pick(perk, self.tongue.language, self.tongue.shop.locale) for perk in level.perks],
        }

    def _multiplier_text(self, factor: Decimal) -> str | None:
        """ "1.5× points"; None where an order brings what it brings everybody."""
        tongue = self.tongue
        if factor == 1:
            return None
        return factor_text(tongue.settings.points_name, factor, tongue.language, tongue.shop.locale)


def program_shape(tongue: Tongue) -> dict[str, Any] | None:
    """The program's levels for everybody, the lowest first; None if it has none."""
    tiers = tongue.settings.tiers
    if tiers is None:
        return None
    shown = _Shown(tiers, tongue)
    return {
        "basis": tiers.basis,
        "window": tiers.window,
        "levels": [
            shown.level(level)
            | {
                "from": level.starts_at,
                "from_text": shown.text_of(level.starts_at),
                "multiplier": f"{level.multiplier:f}",
            }
            for level in tier_rules.ladder(tiers)
        ],
    }


def standing_shape(
    tongue: Tongue, tier: str | None, found: Mapping[str, Any] | None, now: datetime
) -> dict[str, Any] | None:
    """Where the member stands, and how far the next level is; None if the program has no levels.

    `tier` is the level that the member is at, `found` the answer of `STANDING_SQL`.
    """
    tiers = tongue.settings.tiers
    if tiers is None:
        return None
    shown = _Shown(tiers, tongue)
    found = found or {}
    held = Standing(
        found.get("reached"),
        _moment(found.get("leaves_at")),
        found.get("manual_level"),
        _moment(found.get("manual_until")),
        tier,
    )
    counted = Counted()
    if found.get("basis") == tiers.basis:  # of another: the program changed just now
        counted = Counted(Decimal(str(found["value"])), Decimal(str(found["value_before"])))
    value = max(counted.value, Decimal(0))
    levels = tier_rules.ladder(tiers)
    rank = next((rank for rank, level in enumerate(levels) if level.id == tier), tier_rules.NO_LEVEL)
    # One that is reached already will be the member's at the next look: what is missing is missing to a later one.
    following = next((level for level in levels[rank + 1 :] if level.starts_at > value), None)
    is_leaving = held.leaves_at is not None and held.reached == tier
    kept_until = tier_rules.kept_until(tiers, held, counted, now, ZoneInfo(tongue.shop.timezone))
    return {
        "level": shown.level(levels[rank]) if rank > tier_rules.NO_LEVEL else None,
        "basis": tiers.basis,
        "value": _number(value),
        "value_text": shown.text_of(value),
        "next": _next(shown, following, value) if following is not None else None,
        "fraction": _fraction(following, value),
        "keeps_until": time_text(kept_until) if kept_until is not None else None,
        "leaves_at": time_text(held.leaves_at) if is_leaving and held.leaves_at is not None else None,
        "is_manual": tier_rules.is_manual(held),
    }


def _next(shown: _Shown, level: Level, value: Decimal) -> dict[str, Any]:
    missing = max(level.starts_at - value, Decimal(0))
    return {
        "id": level.id,
        "name": shown.name_of(level),
        "at": level.starts_at,
        "missing": _number(missing),
        "missing_text": shown.tongue.words["to_level"].format(
            amount=shown.text_of(missing), level=shown.name_of(level)
        ),
    }


def _fraction(following: Level | None, value: Decimal) -> float:
    """How much of the next level is there, from 0 to 1; 1 at the highest."""
    if following is None or following.starts_at == 0:
        return 1.0
    return round(min(float(value / following.starts_at), 1.0), 4)


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None
