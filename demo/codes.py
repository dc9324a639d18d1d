"""The discount codes that the shop knows: told by Lagniappe, or its own; which order used them, and when they ended."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from demo import discounts, money, times
from demo.discounts import Applied, Terms
from demo.orders import Order, Refusal

FROM_LAGNIAPPE = "lagniappe"
OWN = "shop"


@dataclass(frozen=True)
class Use:
    order_id: str
    order_number: str
    used_at: datetime
    given_back_at: datetime | None
    """When the order was cancelled."""


@dataclass(frozen=True)
class Code:
    id: int
    code: str
    reference: str
    """What whoever told of it calls it."""
    source: str
    terms: Terms
    told: int
    """How often the shop was asked to make it: more than once when an answer was lost."""
    created_at: datetime
    disabled_at: datetime | None
    uses: tuple[Use, ...]

    @property
    def label(self) -> str:
        return discounts.label(self.terms.kind, self.terms.value, self.terms.product_id)

    @property
    def standing_uses(self) -> int:
        return sum(1 for use in self.uses if use.given_back_at is None)

    @property
    def is_used_up(self) -> bool:
        return self.terms.usage_limit is not None and self.standing_uses >= self.terms.usage_limit

    @property
    def latest(self) -> datetime:
        """When something last happened to it."""
        times_of_uses = [use.given_back_at or use.used_at for use in self.uses]
        return max([self.created_at, *times_of_uses, *([self.disabled_at] if self.disabled_at else [])])

    def state(self, now: datetime) -> str:
        """One word for people."""
        if self.is_used_up:
            return "used"
        if self.disabled_at:
            return "disabled"
        return "expired" if self.terms.expires_at and self.terms.expires_at <= now else "ready"


def create(
    db: sqlite3.Connection, code: str, reference: str, terms: Terms, at: datetime, source: str = FROM_LAGNIAPPE
) -> str | None:
    """Make the code; None if it is new, otherwise the reference of the one that exists, whatever its case."""
    row = db.execute("SELECT reference FROM discount WHERE code = ?", (code,)).fetchone()
    if row:
        db.execute("UPDATE discount SET told = told + 1 WHERE code = ?", (code,))
        return str(row["reference"])
    db.execute(
        "INSERT INTO discount (code, reference, source, terms, created_at) VALUES (?, ?, ?, ?, ?)",
        (code, reference, source, json.dumps(_terms_record(terms)), times.iso(at)),
    )
    return None


def disable(db: sqlite3.Connection, code: str, reference: str, at: datetime) -> bool:
    """Nobody can use the code from now on; False if there is no such code under this reference."""
    changed = db.execute(
        "UPDATE discount SET disabled_at = coalesce(disabled_at, ?) WHERE code = ? AND reference = ?",
        (times.iso(at), code, reference),
    )
    return changed.rowcount == 1


def find(db: sqlite3.Connection, code: str) -> Code | None:
    row = db.execute("SELECT * FROM discount WHERE code = ?", (code.strip(),)).fetchone()
    return _code(row, _uses(db, row["id"])) if row else None


def everything(db: sqlite3.Connection) -> list[Code]:
    """Every code that the shop ever knew, newest first."""
    uses: dict[int, list[Use]] = {}
    for row in db.execute(f"{_USES} ORDER BY u.rowid"):
        uses.setdefault(row["discount_id"], []).append(_use(row))
    rows = db.execute("SELECT * FROM discount ORDER BY id DESC")
    return [_code(row, uses.get(row["id"], ())) for row in rows]


def happenings(db: sqlite3.Connection) -> int:
    """A number that grows with whatever happens to any code."""
    made = "SELECT count(*) + count(disabled_at) + coalesce(sum(told), 0) FROM discount"
    used = "SELECT count(*) + count(given_back_at) FROM discount_use"
    return int(db.execute(f"SELECT ({made}) + ({used})").fetchone()[0])


def usable(db: sqlite3.Connection, typed: str, customer_id: str | None, now: datetime) -> Code:
    """The code, if this shopper could use it now on a cart that is worth enough. Raises Refusal."""
    code = find(db, typed)
    if code is None:
        raise Refusal(f"We do not know the code {typed.strip()[:60]}.")
    if code.is_used_up:
        raise Refusal(f"The code {code.code} has been used already.")
    if code.disabled_at:
        raise Refusal(f"The code {code.code} is no longer valid.")
    if code.terms.expires_at and code.terms.expires_at <= now:
        raise Refusal(f"The code {code.code} expired on {times.shown_day(code.terms.expires_at)}.")
    if code.terms.customer_id and code.terms.customer_id != customer_id:
        raise Refusal(f"The code {code.code} belongs to one account: log in to use it.")
    return code


def apply(
    db: sqlite3.Connection, typed: Sequence[str], subtotal: Decimal, customer_id: str | None, now: datetime
) -> tuple[list[Applied], list[tuple[str, str]]]:
    """The codes that count on a cart of this worth, and those that do not, each with a sentence that says why."""
    applied: list[Applied] = []
    refused: list[tuple[str, str]] = []
    for each in typed:
        try:
            code = usable(db, each, customer_id, now)
        except Refusal as refusal:
            refused.append((each, str(refusal)))
            continue
        missing = discounts.still_missing(code.terms, subtotal)
        if missing:
            least = money.shown(code.terms.minimum_subtotal or missing)
            refused.append((each, f"{each} counts from {least} on: {money.shown(missing)} to go."))
        else:
            terms = code.terms
            applied.append(Applied(each, terms.kind, terms.value, terms.product_id))
    return applied, refused


def note_use(db: sqlite3.Connection, order: Order, at: datetime) -> None:
    """The order used its codes. In the transaction that found them usable."""
    for typed in order.discount_codes:
        db.execute(
            "INSERT INTO discount_use (discount_id, order_id, used_at) SELECT id, ?, ? FROM discount WHERE code = ?",
            (order.id, times.iso(at), typed),
        )


def give_back(db: sqlite3.Connection, order: Order) -> None:
    """The order is cancelled: what it used can be used again."""
    if order.discount_codes and order.cancelled_at:
        db.execute(
            "UPDATE discount_use SET given_back_at = coalesce(given_back_at, ?) WHERE order_id = ?",
            (times.iso(order.cancelled_at), order.id),
        )


def to_document(code: Code) -> dict[str, Any]:
    """For programs that look at the store: `GET /discounts.json`."""
    return {
        "code": code.code,
        "reference": code.reference,
        "source": code.source,
        **_terms_record(code.terms),
        "told": code.told,
        "created_at": times.iso(code.created_at),
        "disabled_at": times.iso(code.disabled_at) if code.disabled_at else None,
        "uses": [
            {
                "order_id": use.order_id,
                "order_number": use.order_number,
                "used_at": times.iso(use.used_at),
                "given_back_at": times.iso(use.given_back_at) if use.given_back_at else None,
            }
            for use in code.uses
        ],
    }


_USES = "SELECT u.*, p.number FROM discount_use u JOIN purchase p ON p.id = u.order_id"


def _uses(db: sqlite3.Connection, discount_id: int) -> list[Use]:
    return [_use(row) for row in db.execute(f"{_USES} WHERE u.discount_id = ? ORDER BY u.rowid", (discount_id,))]


def _use(row: sqlite3.Row) -> Use:
    back = row["given_back_at"]
    return Use(
        row["order_id"], str(row["number"]), times.from_iso(row["used_at"]), times.from_iso(back) if back else None
    )


def _code(row: sqlite3.Row, uses: Iterable[Use]) -> Code:
    return Code(
        id=row["id"],
        code=row["code"],
        reference=row["reference"],
        source=row["source"],
        terms=_terms(json.loads(row["terms"])),
        told=row["told"],
        created_at=times.from_iso(row["created_at"]),
        disabled_at=times.from_iso(row["disabled_at"]) if row["disabled_at"] else None,
        uses=tuple(uses),
    )


def _terms_record(terms: Terms) -> dict[str, Any]:
    return {
        "kind": terms.kind,
        "value": None if terms.value is None else str(terms.value),
        "currency": money.CURRENCY if terms.kind == "fixed_amount" else None,
        "product_id": terms.product_id,
        "minimum_subtotal": None if terms.minimum_subtotal is None else money.text(terms.minimum_subtotal),
        "usage_limit": terms.usage_limit,
        "customer_id": terms.customer_id,
        "expires_at": times.iso(terms.expires_at) if terms.expires_at else None,
    }


def _terms(record: dict[str, Any]) -> Terms:
    return Terms(
        kind=record["kind"],
        value=None if record["value"] is None else Decimal(record["value"]),
        product_id=record["product_id"],
        minimum_subtotal=None if record["minimum_subtotal"] is None else Decimal(record["minimum_subtotal"]),
        usage_limit=record["usage_limit"],
        customer_id=record["customer_id"],
        expires_at=times.from_iso(record["expires_at"]) if record["expires_at"] else None,
    )
