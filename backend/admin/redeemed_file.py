"""The grid of redeemed rewards as a file for a spreadsheet, written while it is read: a million lines take no memory."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from flask import Response, stream_with_context

from backend.db import transaction
from backend.loyalty.calendar_rules import timezone
from backend.loyalty.redemptions import redemption_grid
from backend.loyalty.redemptions.redemption_grid import Redeemed, Wanted
from backend.loyalty.shops.shops import ShopFacts
from backend.spreadsheets import harmless

CHUNK = 1_000
COLUMNS = (
    "Redeem date and time",
    "Usage date and time",
    "Cost in points",
    "Tax value",
    "Customer e-mail",
    "Phone",
    "Reward",
    "Type",
    "Customer's first name",
    "Customer's surname",
    "Customer active points amount",
    "Delivery status",
    "Cashback status",
    "Unused / Used",
)
"""S1.24 to S1.39, in their order."""


def redeemed_file(shop: ShopFacts, wanted: Wanted, now: datetime) -> Response:
    """All that fits, in the order that is asked for, from its beginning. Times are those of the shop's wall, with offset."""
    everything = replace(wanted, after=None, before=None, is_last=False)
    answer = Response(stream_with_context(_written(shop, everything, now)), mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="redeemed-rewards.csv"'
    return answer


def _written(shop: ShopFacts, wanted: Wanted, now: datetime) -> Iterator[str]:
    yield _csv([COLUMNS])
    while True:
        with transaction() as session:  # one for each chunk: a slow reader holds none open
            page = redemption_grid.page(session, shop.id, wanted, now, CHUNK)
        yield _csv([_line(shop, each) for each in page.items])
        if page.later is None:
            return
        wanted = replace(wanted, after=page.later)


def _line(shop: ShopFacts, each: Redeemed) -> list[str]:
    zone = timezone(shop.timezone)

    def moment(at: datetime | None) -> str:
        return "" if at is None else at.astimezone(zone).isoformat(timespec="seconds")

    texts = [
        each.email or "",
        each.phone or "",
        each.name,
        each.type,
        each.first_name or "",
        each.last_name or "",
    ]
    return [
        moment(each.requested_at),
        moment(each.used_at),
        str(each.points),
        "" if each.tax_value is None else str(each.tax_value),
        *map(harmless, texts),
        str(each.points_after),
        (each.delivery_status or "").capitalize(),
        each.cashback_status,
        "Used" if each.use_state == "used" else "Delivered",
    ]


def _csv(rows: Sequence[Sequence[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
