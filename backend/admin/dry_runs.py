"""The draft over the last twelve months of orders: what it would have brought, and who would be at another level."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask import Response
from pydantic import BaseModel

from backend.admin import charts
from backend.admin.door import Visit, form, page
from backend.errors import NotFound
from backend.loyalty.program import drafts, dry_runs
from backend.loyalty.program import settings as program_settings
from backend.loyalty.program.dry_run_sums import Totals
from backend.loyalty.program.dry_runs import DryRun
from backend.loyalty.tiers import tier_rules
from backend.loyalty.wording import pick
from backend.money import quantize
from backend.reports import liability, movements
from backend.staff.rights import Right

PAGE = 50
NO_LEVEL = "No level"
SERIES_NOW, SERIES_THEN = "As it was", "With these settings"


class Asked(BaseModel):
    run: int | None = None
    after: int = 0
    before: int | None = None


@dataclass(frozen=True)
class Step:
    """How many members would go from one level to another."""

    before: str
    after: str
    members: int


@page("/program/dry-run", right=Right.SETTINGS)
def dry_run(visit: Visit) -> str:
    """The newest run, or the one that is asked for; how it is begun."""
    asked = visit.asked(Asked)
    runs = dry_runs.newest(visit.session, visit.shop_id)
    run = next((each for each in runs if each.id == asked.run), None)
    if asked.run is not None and run is None:
        raise NotFound("This dry run is not kept any more.")
    run = run or next(iter(runs), None)
    standing = drafts.standing(visit.session, visit.shop_id, visit.now)
    context: dict[str, Any] = {
        "run": run,
        "runs": runs,
        "has_draft": standing.draft is not None,
        "is_stale": run is not None
        and (run.mark != drafts.mark(standing.edited) or run.program_version != standing.version.version),
    }
    if run is not None and not run.is_under_way:
        context |= _results(visit, run, asked)
    return visit.render("dry_run.html", **context)


@form("/program/dry-run", right=Right.SETTINGS, again=dry_run)
def start_dry_run(visit: Visit) -> Response:
    run = dry_runs.start(visit.session, visit.shop_id, author=visit.who.name, now=visit.now, wall=visit.wall)
    return visit.go("dry_run", run=run)


@form("/program/dry-run/<row_id:run_id>/stop", right=Right.SETTINGS)
def stop_dry_run(visit: Visit, run_id: int) -> Response:
    dry_runs.stop(visit.session, visit.shop_id, run_id)
    return visit.done("The dry run was stopped.", "dry_run")


def _results(visit: Visit, run: DryRun, asked: Asked) -> dict[str, Any]:
    totals = run.counted
    months = totals.rows()
    labels = [month for month, _ in months]
    series = {
        SERIES_NOW: [counts["points_now"] for _, counts in months],
        SERIES_THEN: [counts["points_then"] for _, counts in months],
    }
    names = _names(visit, run)
    steps = _steps(totals, names)
    found = dry_runs.moves(visit.session, visit.shop_id, run.id, after=asked.after, before=asked.before, limit=PAGE + 1)
    has_more = len(found) > PAGE
    moved = (found[1:] if asked.before else found[:PAGE]) if has_more else found
    has_older = bool(asked.before) or has_more
    has_newer = bool(asked.after) or (bool(asked.before) and has_more)
    value = liability.point_value(visit.session, visit.shop_id)
    return {
        "totals": totals,
        "months": months,
        "picture": charts.bars("Points of the orders of each month", labels, series),
        "value": value,
        "outstanding": movements.outstanding(visit.session, visit.shop_id),
        "money": lambda points: _money(visit, points, value),
        "names": names,
        "steps": steps,
        "changed": sum(each.members for each in steps if each.before != each.after),
        "moves": moved,
        "newer": moved[0].member_id if moved and has_newer else None,
        "older": moved[-1].member_id if moved and has_older else None,
        "sees_customers": visit.may(Right.VIEW_CUSTOMERS),
    }


def _money(visit: Visit, points: int, value: Decimal | None) -> Decimal | None:
    return quantize(points * value, visit.shop.currency) if value is not None else None


def _names(visit: Visit, run: DryRun) -> dict[str | None, str]:
    """Levels by their ids, of the program in force and of the settings that were tried."""
    in_force = drafts.standing(visit.session, visit.shop_id, visit.now).in_force
    names: dict[str | None, str] = {None: NO_LEVEL, "": NO_LEVEL}
    for document in (in_force, run.settings):
        for level in _levels(document):
            names[level.id] = pick(level.name, "en", visit.shop.locale) or level.id
    return names


def _levels(document: Mapping[str, Any]) -> Sequence[program_settings.Level]:
    tiers = program_settings.stored(dict(document)).tiers
    return tier_rules.ladder(tiers) if tiers is not None else ()


def _steps(totals: Totals, names: Mapping[str | None, str]) -> list[Step]:
    """Who stays comes last."""
    steps = []
    for move, members in totals.moves.items():
        before, _, after = move.partition(">")
        steps.append(Step(names.get(before, before), names.get(after, after), members))
    return sorted(steps, key=lambda each: (each.before == each.after, -each.members, each.before, each.after))
