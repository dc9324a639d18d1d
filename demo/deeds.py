"""What customers do beside buying: reviews of what they bought, and evenings at the workshop."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from demo import catalogue, people, times
from demo.orders import Order, Refusal
from demo.people import Customer

LONGEST_REVIEW = 300


@dataclass(frozen=True)
class Review:
    first_name: str
    words: str
    written_at: datetime


def can_review(db: sqlite3.Connection, customer: Customer, slug: str, bought: Iterable[Order]) -> bool:
    """Who has bought it and has not said yet how it is."""
    is_owner = any(line.product_id == slug for order in bought if order.cancelled_at is None for line in order.lines)
    known = db.execute("SELECT 1 FROM review WHERE customer_id = ? AND product = ?", (customer["id"], slug)).fetchone()
    return is_owner and known is None


def review(
    db: sqlite3.Connection, customer: Customer, slug: str, words: str, at: datetime, bought: Sequence[Order]
) -> None:
    """Write it down. Raises Refusal."""
    words = " ".join(words.split())[:LONGEST_REVIEW]
    if not words:
        raise Refusal("A review needs a word or two.")
    if not can_review(db, customer, slug, bought):
        raise Refusal("One review for each thing that you bought here, please.")
    db.execute(
        "INSERT INTO review (customer_id, product, first_name, words, written_at) VALUES (?, ?, ?, ?, ?)",
        (customer["id"], slug, customer["first_name"], words, times.iso(at)),
    )


def reviews_of(db: sqlite3.Connection, slug: str) -> list[Review]:
    """Newest first."""
    rows = db.execute("SELECT * FROM review WHERE product = ? ORDER BY written_at DESC LIMIT 20", (slug,))
    return [Review(row["first_name"], row["words"], times.from_iso(row["written_at"])) for row in rows]


def come_to_workshop(db: sqlite3.Connection, customer: Customer, at: datetime) -> str:
    """The month of the workshop. There is one a month, and nobody comes twice: raises Refusal."""
    month = f"{at.astimezone(times.ZONE):%B %Y}"
    row = db.execute("SELECT record FROM customer WHERE id = ? AND NOT is_closed", (customer["id"],)).fetchone()
    record: Customer = json.loads(row["record"]) if row else customer
    if month in record.get("workshops", []):
        raise Refusal(f"You are on the list for {month} already. The next workshop is next month.")
    people.save(db, {**record, "workshops": [*record.get("workshops", []), month]})
    return month


def forget(db: sqlite3.Connection, customer_id: str) -> None:
    """What somebody wrote goes with their account."""
    db.execute("DELETE FROM review WHERE customer_id = ?", (customer_id,))


def title_of(slug: str) -> str:
    product = catalogue.find(slug)
    return product.title if product else slug
