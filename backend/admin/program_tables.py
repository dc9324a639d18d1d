"""The tables of the program report: the same for the page and for its files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from backend.admin.door import Visit
from backend.loyalty.program import programs
from backend.loyalty.program.settings import ProgramSettings
from backend.loyalty.wording import pick
from backend.reports import program
from backend.staff.rights import Right

MOST_ROWS = 20
MOST_STOCKS = 50

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """Rows whose first cell names them. `shares` says which column is drawn as a bar beside its figure."""

    name: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    bar: int
    empty: str
    more: tuple[str, str] | None = None
    """A page that shows more, by its name, and what the link says."""

    @property
    def most(self) -> float:
        """The greatest figure of the column that is drawn."""
        return max((float(row[self.bar] or 0) for row in self.rows), default=0)


def tables(visit: Visit, first: date, last: date, today: date) -> list[Table]:
    """All of them. The period decides about friends, rules and rewards; members and codes are those of now."""
    _, settings = programs.current(visit.shop_id)
    return [
        _levels(visit, settings, first, last),
        _friends(visit, first, last),
        _rules(visit, settings, first, last),
        _rewards(visit, first, last),
        _stock(visit, today),
    ]


def _levels(visit: Visit, settings: ProgramSettings, first: date, last: date) -> Table:
    everybody = program.members(visit.session, visit.shop_id)
    joined = program.members(visit.session, visit.shop_id, first, last)
    total = sum(everybody.values())
    levels = sorted(settings.tiers.levels, key=lambda each: -each.starts_at) if settings.tiers else []
    names = {level.id: pick(level.name, "en", visit.shop.locale) or level.id for level in levels}
    nowhere = [""] if not names or "" in everybody else []
    known = [*names, *nowhere, *sorted(set(everybody) - set(names) - {""})]
    return Table(
        "levels",
        "Members by level",
        "Everybody who takes part now; joined: in the period.",
        ("Level", "Members", "Of all", "Joined"),
        [
            (
                names.get(each, each or "No level"),
                everybody.get(each, 0),
                everybody.get(each, 0) / total if total else None,
                joined.get(each, 0),
            )
            for each in known
        ],
        1,
        "Nobody takes part yet.",
    )


def _friends(visit: Visit, first: date, last: date) -> Table:
    found = program.funnel(visit.session, visit.shop_id, first, last)
    steps = (
        ("Opened a friend's link", found.visits, None),
        ("Signed up by it", found.claims, found.claims / found.visits if found.visits else None),
        ("Rewarded", found.rewarded, found.rewarded / found.claims if found.claims else None),
        ("Not rewarded yet", found.waiting, found.waiting / found.claims if found.claims else None),
        ("Rejected", found.rejected, found.rejected / found.claims if found.claims else None),
    )
    return Table(
        "referrals",
        "Friends who were brought",
        "Of links opened in the period, and of friends who signed up in it. One visitor counts once a day.",
        ("Step", "How many", "Of the step before"),
        steps if found.visits or found.claims else (),
        1,
        "Nobody came by a friend's link in this period.",
        ("referral_reviews", "Referrals to look at"),
    )


def _rules(visit: Visit, settings: ProgramSettings, first: date, last: date) -> Table:
    titles = {rule.id: pick(rule.title, "en", visit.shop.locale) or rule.id for rule in settings.rules}
    titles |= {"order": "Orders", "referral": "Bringing friends"}
    found = program.rules(visit.session, visit.shop_id, first, last)
    total = sum(max(each.points, 0) for each in found)
    return Table(
        "rules",
        "What points were given for",
        "Promised in the period, less what was voided before it could be spent.",
        ("Rule", "Times", "Points", "Of all"),
        [
            (titles.get(each.rule, each.rule), each.times, each.points, max(each.points, 0) / total if total else None)
            for each in found[:MOST_ROWS]
        ],
        2,
        "No rule gave points in this period.",
    )


def _rewards(visit: Visit, first: date, last: date) -> Table:
    return Table(
        "rewards",
        "Rewards that were redeemed most",
        "Asked for in the period; what came back is not counted.",
        ("Reward", "Times", "Points"),
        [
            (each.name, each.times, each.points)
            for each in program.rewards(visit.session, visit.shop_id, first, last, MOST_ROWS)
        ],
        1,
        "Nothing was redeemed in this period.",
        ("redeemed_rewards", "Redeemed rewards"),
    )


def _stock(visit: Visit, today: date) -> Table:
    words = {"ok": "Enough", "low": "Runs low", "empty": "Empty"}
    return Table(
        "codes",
        "Codes in stock",
        f"Rewards with codes that members can have now, the first {MOST_STOCKS}; counted up to {program.COUNTED_CODES:,}.",
        ("Reward", "Free codes", "Redeemed in 30 days", "State"),
        [
            (each.name, each.free, each.had, words[each.health])
            for each in program.stock(visit.session, visit.shop_id, visit.now, today, MOST_STOCKS)
        ],
        1,
        "No reward that members can have now gives codes.",
        ("reward_stock", "Codes that run low") if visit.may(Right.REWARDS) else None,
    )
