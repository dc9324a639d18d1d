"""Who has an account. Passwords are not what this shop is about: an e-mail and a name are enough."""

import json
import secrets
import sqlite3
from datetime import datetime
from typing import Any

from demo import times
from demo.orders import Refusal

Customer = dict[str, Any]
LOCALES = {"en": "English", "fr": "Français", "de": "Deutsch", "zh-Hant": "繁體中文"}


def find(db: sqlite3.Connection, customer_id: str) -> Customer | None:
    row = db.execute("SELECT record FROM customer WHERE id = ? AND NOT is_closed", (customer_id,)).fetchone()
    return json.loads(row["record"]) if row else None


def known_as(db: sqlite3.Connection, customer_id: str) -> Customer | None:
    """As webhooks name the person: of a closed account only the id is left."""
    row = db.execute("SELECT record, is_closed FROM customer WHERE id = ?", (customer_id,)).fetchone()
    if row is None:
        return None
    return {"id": customer_id} if row["is_closed"] else json.loads(row["record"])


def by_email(db: sqlite3.Connection, email: str) -> Customer | None:
    row = db.execute("SELECT record FROM customer WHERE email = ? AND NOT is_closed", (email.strip(),)).fetchone()
    return json.loads(row["record"]) if row else None


def everyone(db: sqlite3.Connection, limit: int = 12) -> list[Customer]:
    """Accounts in the order they were made."""
    rows = db.execute("SELECT record FROM customer WHERE NOT is_closed ORDER BY rowid LIMIT ?", (limit,))
    return [json.loads(row["record"]) for row in rows]


def sign_up(
    db: sqlite3.Connection,
    *,
    email: str,
    first_name: str,
    last_name: str,
    locale: str,
    at: datetime,
    referral_code: str = "",
    newsletter: bool = False,
    birthday: str = "",
) -> tuple[Customer, str]:
    """A new account with an address that is not confirmed yet, and the token that confirms it. Raises Refusal."""
    email = checked_email(email)
    if not first_name.strip():
        raise Refusal("Please tell us your first name.")
    if by_email(db, email):
        raise Refusal("There is an account with this e-mail already: log in instead.")
    customer: Customer = {
        "id": f"cus_{secrets.token_hex(6)}",
        "email": email,
        "first_name": first_name.strip()[:80],
        "last_name": last_name.strip()[:80],
        "locale": locale if locale in LOCALES else "en",
        "email_verified": False,
        "created_at": times.iso(at),
    }
    if referral_code:
        customer["referral_code"] = referral_code
    if newsletter:
        customer["accepts_marketing"] = True
    if birthday:
        customer["birthday"] = birthday
    token = secrets.token_urlsafe(18)
    db.execute(
        "INSERT INTO customer (id, email, confirm_token, record) VALUES (?, ?, ?, ?)",
        (customer["id"], email, token, json.dumps(customer)),
    )
    return customer, token


def confirm(db: sqlite3.Connection, token: str) -> Customer | None:
    """The account whose address this token proves, now verified; None for a token nobody was given."""
    row = db.execute("SELECT record FROM customer WHERE confirm_token = ? AND NOT is_closed", (token,)).fetchone()
    if row is None:
        return None
    customer: Customer = {**json.loads(row["record"]), "email_verified": True}
    save(db, customer)
    return customer


def save(db: sqlite3.Connection, customer: Customer) -> None:
    db.execute(
        "UPDATE customer SET email = ?, record = ? WHERE id = ?",
        (customer["email"], json.dumps(customer), customer["id"]),
    )


def close(db: sqlite3.Connection, customer_id: str) -> None:
    """The account is gone and its personal data with it; the id stays, since orders name it."""
    db.execute(
        "UPDATE customer SET is_closed = 1, email = id, confirm_token = NULL, record = ? WHERE id = ?",
        (json.dumps({"id": customer_id}), customer_id),
    )


def checked_email(typed: str) -> str:
    """The address, tidied. Raises Refusal if it cannot be one."""
    email = typed.strip()
    name, at, host = email.rpartition("@")
    if not (name and at and "." in host.strip(".")) or len(email) > 200 or any(c.isspace() for c in email):
        raise Refusal("That does not look like an e-mail address.")
    return email
