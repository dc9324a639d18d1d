"""An order number in, the exact reason or the credit out."""

from pydantic import BaseModel, Field

from backend.admin.door import Visit, page
from backend.loyalty.orders import missing_points as reasons
from backend.loyalty.orders import missing_points_reading as reading
from backend.loyalty.orders.missing_points_reading import Found
from backend.staff.rights import Right


class Asked(BaseModel):
    order: str | None = Field(default=None, max_length=320)
    id: int | None = Field(default=None, ge=1, lt=2**63)
    """Of several orders that were found, the one that is meant."""


@page("/missing-points", right=Right.VIEW_CUSTOMERS)
def missing_points(visit: Visit) -> str:
    asked = visit.asked(Asked)
    if not asked.order:
        return visit.render("missing_points.html", asked="", found=[], verdict=None)
    found = reading.find(visit.session, visit.shop_id, asked.order)
    chosen = _chosen(found, asked.id)
    if chosen is None and (found or "@" in asked.order):
        return visit.render("missing_points.html", asked=asked.order, found=found, verdict=None, chosen=None)
    facts = reading.facts(visit.session, visit.shop, asked.order, chosen.id if chosen else None, visit.now)
    verdict = reasons.verdict(facts)
    return visit.render(
        "missing_points.html",
        asked=asked.order,
        found=found if len(found) > 1 else [],
        chosen=chosen,
        facts=facts,
        verdict=verdict,
        tone="good" if verdict.because in reasons.GOOD else "warn" if verdict.because in reasons.WAITS else "bad",
        entries=reading.entries_of(visit.session, visit.shop_id, chosen.id) if chosen else [],
    )


def _chosen(found: list[Found], order_id: int | None) -> Found | None:
    if order_id is not None:
        return next((each for each in found if each.id == order_id), None)
    return found[0] if len(found) == 1 else None
