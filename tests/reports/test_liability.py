"""What is owed, by when it ends and by its age."""

from datetime import UTC, date, datetime

from backend.db import transaction
from backend.reports import liability
from backend.reports.liability import Part
from tests.ledger.books import START, Book, days


def test_points_stand_in_the_month_of_their_last_day_in_the_shops_zone(book: Book) -> None:
    member = book.member()
    book.grant(member, 10, expires_at=datetime(2026, 12, 31, 23, tzinfo=UTC))  # the year's end in Paris
    book.grant(member, 5, expires_at=datetime(2027, 1, 1, 23, tzinfo=UTC))
    book.grant(member, 2)
    book.grant(member, 1, expires_at=START + days(1))
    with transaction() as session:
        now = START + days(2)
        assert liability.by_expiry(session, book.shop_id, "Europe/Paris", now) == [
            Part(date(2026, 12, 1), 10),
            Part(date(2027, 1, 1), 5),
            Part(None, 2),
        ]
        assert liability.by_age(session, book.shop_id, "Europe/Paris", now) == [Part(date(2026, 1, 1), 17)]
