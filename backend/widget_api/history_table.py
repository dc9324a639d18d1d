"""A member's whole history as a table (CSV, RFC 4180) that any spreadsheet opens, made while it is sent.

Texts are the merchant's and the platform's: none of them may become a formula where it is opened.
"""

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.wording import pick_language
from backend.spreadsheets import BYTE_ORDER_MARK, harmless
from backend.widget_api import history
from backend.widget_api.history_words import WORDS
from backend.widget_api.tokens import Session

PAGE = 500
COLUMNS = ("at", "what", "kind", "points", "after", "until")


def table(shop: ShopFacts, session: Session, wanted: str | None) -> Iterator[bytes]:
    """The table in pieces; the first page is read at once, so that a refusal still is an answer. Raises Unauthorized."""
    pages = history.whole(shop, session, wanted, PAGE)
    document, items = next(pages)
    words = WORDS[pick_language(WORDS, document.language, shop.locale) or "en"]
    zone = ZoneInfo(shop.timezone)

    def pieces() -> Iterator[bytes]:
        yield _written([[words[column] for column in COLUMNS]], BYTE_ORDER_MARK)
        yield _written(_row(item, words, zone) for item in items)
        for _, more in pages:
            yield _written(_row(item, words, zone) for item in more)

    return pieces()


def _row(item: dict[str, Any], words: Any, zone: ZoneInfo) -> list[str | int]:
    return [
        _local(item["at"], zone).isoformat(timespec="seconds"),
        harmless(item["title"]),
        words[history.group_of(item["kind"])],
        item["points"],
        item["balance_after"],
        _last_day(item["expires_at"], zone).isoformat() if item["expires_at"] else "",
    ]


def _local(moment: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(moment).astimezone(zone)


def _last_day(end: str, zone: ZoneInfo) -> date:
    """The last day on which what ends at that instant is good: midnight belongs to the day before."""
    return (_local(end, zone) - timedelta(seconds=1)).date()


def _written(rows: Any, before: str = "") -> bytes:
    text = io.StringIO()
    text.write(before)
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
