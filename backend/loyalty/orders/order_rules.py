"""What the program's rules make of an order's lines: which do not count, what multiplies others, what comes on top, and
why. Pure; docs/points-rules.md gives the one order in which rules are evaluated.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, Protocol

from backend.loyalty.eligibility.eligibility_terms import folded
from backend.loyalty.program.settings import OF_ORDERS, Items, Level, ProgramSettings, Rule

Because = Literal["no_points", "not_in_window", "not_eligible", "no_such_items", "excluded", "better_rule", "limit"]
"""Why a rule did not apply to an order, or (`limit`) not to all of its pieces. Stable: widgets have a sentence for each."""


class Item(Protocol):
    """A line of an order, as far as rules look at it."""

    @property
    def product_id(self) -> str | None: ...
    @property
    def sku(self) -> str | None: ...
    @property
    def categories(self) -> tuple[str, ...]: ...
    @property
    def quantity(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Terms:
    """By what an order is judged besides `earn`: the program's rules, when it was made, and whose it was first.

    `open_to` are the ids of the rules with an eligibility that the owner met, and `level` the owner's, with its factor:
    both are frozen on the order.
    """

    rules: tuple[Rule, ...]
    at: datetime
    open_to: frozenset[str] = frozenset()
    level: Level | None = None
    factor: Decimal = Decimal(1)

    @classmethod
    def of(
        cls,
        settings: ProgramSettings,
        at: datetime,
        open_to: Collection[str] | None = None,
        level: str | None = None,
        factor: Decimal | None = None,
    ) -> "Terms":
        """The order rules of the program for what is frozen on an order; None: nothing is yet."""
        levels = settings.tiers.levels if settings.tiers is not None else ()
        return cls(
            rules=tuple(rule for rule in settings.rules if rule.kind in OF_ORDERS),
            at=at,
            open_to=frozenset(open_to or ()),
            level=next((each for each in levels if each.id == level), None),
            factor=factor if factor is not None else Decimal(1),
        )


@dataclass(frozen=True, slots=True)
class Effects:
    """What came of the rules, by the places of the lines. `said` is for the reader: each rule, and whether it applied."""

    excluded: frozenset[int]
    """Lines that do not count."""
    factors: tuple[Fraction, ...]
    """Times what each line's points come to, the level's included."""
    bonuses: tuple[int, ...]
    """Points on top, which nothing multiplies."""
    level_factor: Fraction
    said: tuple[dict[str, Any], ...]


def effects(terms: Terms | None, lines: Sequence[Item], barred: Collection[int], *, earns: bool) -> Effects:
    """Exclusions first, then for each line its best multiplier and the level, then what pieces bring on top.

    `barred` are the places of lines that earn nothing anyhow (gift cards). Unless the order `earns`, no rule applies.
    """
    if terms is None:
        return Effects(frozenset(), (Fraction(1),) * len(lines), (0,) * len(lines), Fraction(1), ())
    judging = _Judging(terms, lines, frozenset(barred), earns)
    excluded = judging.exclude()
    judging.closed |= excluded
    multipliers = judging.multiply()
    bonuses = judging.add()
    level = Fraction(terms.factor) if earns else Fraction(1)
    return Effects(
        excluded,
        tuple(factor * level for factor in multipliers),
        tuple(bonuses),
        level,
        (*(judging.said[rule.id] for rule in terms.rules), *_level_said(terms, earns)),
    )


def names(items: Items | None, line: Item) -> bool:
    """True if any of the lists names the line. Categories are compared whatever their case, ids and SKUs to the letter."""
    if items is None or items.is_all:
        return True
    return (
        line.product_id in items.product_ids
        or line.sku in items.skus
        or not {folded(each) for each in line.categories}.isdisjoint(map(folded, items.categories))
    )


class _Judging:
    """One order under its rules. `closed` are the places of lines that earn nothing."""

    def __init__(self, terms: Terms, lines: Sequence[Item], barred: frozenset[int], earns: bool) -> None:
        self.lines = lines
        self.closed = barred
        self.said: dict[str, dict[str, Any]] = {}
        self._terms = terms
        self._earns = earns

    def exclude(self) -> frozenset[int]:
        """The places of the lines that exclusions name."""
        excluded: set[int] = set()
        for rule in self._open("exclusion"):
            found = self._found(rule)
            excluded |= set(found)
            self._say(rule, because=None if found else self._nothing(rule))
        return frozenset(excluded)

    def multiply(self) -> list[Fraction]:
        """The best factor of each line: several are never multiplied with each other; of equal ones the first wins."""
        best: list[Rule | None] = [None] * len(self.lines)
        candidates = [(rule, self._found(rule)) for rule in self._open("multiplier")]
        for rule, places in candidates:
            for place in places:
                known = best[place]
                if known is None or _factor(rule) > _factor(known):
                    best[place] = rule
        for rule, places in candidates:
            wins = any(each is rule for each in best)
            self._say(rule, because=None if wins else "better_rule" if places else self._nothing(rule))
        return [Fraction(1) if rule is None else _factor(rule) for rule in best]

    def add(self) -> list[int]:
        """What the pieces of each line bring on top: by several rules the sum."""
        bonuses = [0] * len(self.lines)
        for rule in self._open("product"):
            places = self._found(rule)
            left = rule.limit.times if rule.limit is not None else None
            paid = 0
            is_cut = False
            for place in places:
                pieces = max(self.lines[place].quantity, 0)
                if left is not None:
                    is_cut = is_cut or pieces > left
                    pieces = min(pieces, left)
                    left -= pieces
                bonuses[place] += (rule.points or 0) * pieces
                paid += pieces
            if paid:
                self._say(rule, because="limit" if is_cut else None, applied=True, points=(rule.points or 0) * paid)
            else:
                self._say(rule, because=self._nothing(rule) if not places else "no_such_items")
        return bonuses

    def _open(self, kind: str) -> list[Rule]:
        """The rules of the kind that this order may meet. Of the others it is said why not."""
        may = []
        for rule in self._terms.rules:
            if rule.kind != kind:
                continue
            if not self._earns:
                self._say(rule, because="no_points")
            elif not rule.is_active(self._terms.at):
                self._say(rule, because="not_in_window")
            elif rule.eligibility and rule.id not in self._terms.open_to:
                self._say(rule, because="not_eligible")
            else:
                may.append(rule)
        return may

    def _found(self, rule: Rule) -> list[int]:
        return [place for place, line in enumerate(self.lines) if place not in self.closed and names(rule.items, line)]

    def _nothing(self, rule: Rule) -> Because:
        """Why it found no line: all that it names earn nothing, or there are none."""
        return "excluded" if any(names(rule.items, line) for line in self.lines) else "no_such_items"

    def _say(
        self, rule: Rule, *, because: Because | None, applied: bool | None = None, points: int | None = None
    ) -> None:
        said: dict[str, Any] = {
            "id": rule.id,
            "kind": rule.kind,
            "title": dict(rule.title),
            "applied": because is None if applied is None else applied,
        }
        if rule.factor is not None:
            said["factor"] = f"{rule.factor:f}"
        if rule.kind == "product":
            said["points"] = points or 0
        self.said[rule.id] = said | {"because": because}


def _level_said(terms: Terms, earns: bool) -> list[dict[str, Any]]:
    if terms.level is None or terms.factor == 1:
        return []
    return [
        {
            "id": terms.level.id,
            "kind": "tier",
            "title": dict(terms.level.name),
            "applied": earns,
            "factor": f"{terms.factor:f}",
            "because": None if earns else "no_points",
        }
    ]


def _factor(rule: Rule) -> Fraction:
    assert rule.factor is not None
    return Fraction(rule.factor)
