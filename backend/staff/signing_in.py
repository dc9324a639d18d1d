"""Who may come in with an address and a password, and whether a second factor is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from backend.errors import BadInput
from backend.ledger.posting import AnySession
from backend.models import Shop, Staff
from backend.staff import passwords, throttle, two_factor


@dataclass(frozen=True)
class Account:
    """A person of one shop's team whose password was right."""

    shop_id: int
    staff_id: int
    shop_name: str
    needs_code: bool


def with_password(session: AnySession, email: str, password: str, from_where: str, wall: datetime) -> Sequence[Account]:
    """Each account of this address that has this password, one for each shop. Raises BadInput, TooManyTries.

    Takes as long for an address that nobody has.
    """
    whom = email.strip().lower()
    here = f"{whom}\0{from_where}"
    throttle.count("place", from_where, wall)
    throttle.count("person", whom, wall)
    throttle.count("person here", here, wall)
    asked = (
        select(Staff, Shop.name)
        .join(Shop, Shop.id == Staff.shop_id)
        .where(Staff.email == whom, Staff.status == "active")
        .order_by(Shop.name, Shop.id)
    )
    found = session.execute(asked).all()
    right = [row for row in found if passwords.matches(row.Staff.password_hash, password)]
    if not found:
        passwords.matches(None, password)
    if not right:
        raise BadInput("The address or the password is wrong.")
    throttle.give_back("place", from_where)
    throttle.give_back("person", whom)
    throttle.forget("person here", here)
    for row in right:
        if passwords.is_outdated(row.Staff.password_hash):
            row.Staff.password_hash = passwords.hashed(password)
    return [_account(row.Staff, row.name) for row in right]


def again(session: AnySession, known: Sequence[tuple[int, int]]) -> Sequence[Account]:
    """The same accounts at the next step, as far as they are still there."""
    rows = [(session.get(Staff, (shop_id, staff_id)), session.get(Shop, shop_id)) for shop_id, staff_id in known]
    return [_account(person, shop.name) for person, shop in rows if person and shop and person.status == "active"]


def with_code(session: AnySession, account: Account, code: str, wall: datetime) -> None:
    """Take the second factor. Raises BadInput, TooManyTries."""
    throttle.count("code", f"{account.shop_id}-{account.staff_id}", wall)
    person = session.get(Staff, (account.shop_id, account.staff_id))
    if person is None or person.totp_secret is None or not two_factor.is_right(session, person, code, wall):
        message = "This code does not work. Type the one that your app shows now, or a recovery code."
        raise BadInput(message, [{"field": "code", "message": message}])
    throttle.forget("code", f"{account.shop_id}-{account.staff_id}")


def _account(person: Staff, shop_name: str) -> Account:
    return Account(person.shop_id, person.id, shop_name, person.totp_secret is not None)
