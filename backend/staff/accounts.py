"""Staff accounts: who is on the team, with which rights. A team never loses the last person who looks after it."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select

from backend.errors import BadInput, Conflict, NotFound
from backend.ledger.posting import AnySession
from backend.models import Staff
from backend.staff import letters, passwords, sessions, team_log, throttle
from backend.staff.rights import Right

MAX_NAME_CHARACTERS = 120


def create(
    session: AnySession, shop_id: int, now: datetime, *, email: str, name: str, password: str, rights: Iterable[Right]
) -> Staff:
    """Somebody who can sign in at once. Raises BadInput that names the wrong field."""
    person = _new(shop_id, now, email=email, name=name, rights=rights)
    person.status, person.password_hash = "active", passwords.hashed(password)
    session.add(person)
    session.flush()
    return person


def without_password(
    session: AnySession, shop_id: int, now: datetime, *, email: str | None, name: str, rights: Iterable[Right]
) -> Staff:
    """Somebody for whom Shopify vouches. They sign in nowhere else until they have chosen a password. Raises BadInput."""
    person = _new(shop_id, now, email=email, name=name, rights=rights)
    person.status = "active"
    session.add(person)
    session.flush()
    return person


def invited(
    session: AnySession, shop_id: int, now: datetime, *, email: str, name: str, rights: Iterable[Right]
) -> Staff:
    """Somebody who has to choose a password first; who was let go may come back. Raises BadInput, Conflict."""
    new = _new(shop_id, now, email=email, name=name, rights=rights)
    known = session.execute(
        select(Staff).where(Staff.shop_id == shop_id, Staff.email == new.email).with_for_update()
    ).scalar_one_or_none()
    if known is not None and known.status != "removed":
        message = "is on the team already"
        raise BadInput(f"{new.email} {message}.", [{"field": "email", "message": message}])
    if known is not None:
        known.name, known.rights, known.status, known.invited_at = new.name, new.rights, "invited", now
        session.flush()
        return known
    new.invited_at = now
    session.add(new)
    session.flush()
    return new


def _new(shop_id: int, now: datetime, *, email: str | None, name: str, rights: Iterable[Right]) -> Staff:
    return Staff(
        shop_id=shop_id,
        email=checked_email(email) if email is not None else None,
        name=checked_name(name),
        rights=_kept(rights),
        status="invited",
        totp_step=0,
        recovery_codes=[],
        created_at=now,
    )


def _kept(rights: Iterable[Right]) -> list[str]:
    held = sorted({right.value for right in rights})
    if not held:
        message = "Choose at least one right."
        raise BadInput(message, [{"field": "rights", "message": message}])
    return held


def people(session: AnySession, shop_id: int) -> Sequence[Staff]:
    """Everybody on the team or invited, by name."""
    asked = select(Staff).where(Staff.shop_id == shop_id, Staff.status != "removed").order_by(Staff.name, Staff.id)
    return session.execute(asked).scalars().all()


def find(session: AnySession, shop_id: int, staff_id: int) -> Staff:
    """One person of the team or invited, locked until the end of the transaction. Raises NotFound."""
    person = session.get(Staff, (shop_id, staff_id), with_for_update=True)
    if person is None or person.status == "removed":
        raise NotFound()
    return person


def require(is_so: bool, otherwise: str) -> None:
    """Raises Conflict with that sentence unless it is so."""
    if not is_so:
        raise Conflict(otherwise)


def join(
    session: AnySession, shop_id: int, staff_id: int, now: datetime, *, name: str, password: str, repeated: str
) -> Staff:
    """Take up an invitation. Raises BadInput."""
    person = find(session, shop_id, staff_id)
    person.name = checked_name(name)
    person.password_hash = passwords.chosen(password, repeated)
    person.status = "active"
    session.flush()
    team_log.note(session, shop_id, now, person.name, "joined")
    return person


def change_rights(
    session: AnySession, shop_id: int, staff_id: int, rights: Iterable[Right], now: datetime, *, author: str
) -> Staff:
    """From the next page that they open. Raises NotFound, BadInput, Conflict for the last who looks after the team."""
    _lock_keepers(session, shop_id)
    person = find(session, shop_id, staff_id)
    person.rights = _kept(rights)
    session.flush()
    _keep_somebody(session, shop_id)
    team_log.note(session, shop_id, now, author, "rights", person.name)
    return person


def remove(session: AnySession, shop_id: int, staff_id: int, now: datetime, wall: datetime, *, author: str) -> Staff:
    """Let somebody go: signed out at once, everywhere. What they did keeps their name. Raises NotFound, Conflict."""
    _lock_keepers(session, shop_id)
    person = find(session, shop_id, staff_id)
    person.status = "removed"
    person.password_hash = person.totp_secret = person.invited_at = None
    person.recovery_codes = []
    session.flush()
    _keep_somebody(session, shop_id)
    sessions.end_all(session, shop_id, staff_id, wall)
    team_log.note(session, shop_id, now, author, "removed", person.name)
    return person


def _lock_keepers(session: AnySession, shop_id: int) -> None:
    """Two who remove each other at the same time would both be the last one otherwise."""
    session.execute(_keepers(shop_id).order_by(Staff.id).with_for_update()).all()


def _keep_somebody(session: AnySession, shop_id: int) -> None:
    if session.execute(_keepers(shop_id).limit(1)).first() is None:
        raise Conflict("Nobody could look after the team any more. Give somebody else the right to first.")


def _keepers(shop_id: int):  # type: ignore[no-untyped-def]  # a select
    return select(Staff.id).where(
        Staff.shop_id == shop_id, Staff.status == "active", Staff.rights.contains([Right.STAFF.value])
    )


def change_password(
    session: AnySession,
    shop_id: int,
    staff_id: int,
    now: datetime,
    wall: datetime,
    *,
    password: str,
    repeated: str,
    besides: int | None = None,
) -> Staff:
    """A new password; every session but `besides` ends. Its owner is told by mail. Raises BadInput, NotFound."""
    person = find(session, shop_id, staff_id)
    person.password_hash = passwords.chosen(password, repeated)
    sessions.end_all(session, shop_id, staff_id, wall, besides=besides)
    team_log.note(session, shop_id, now, person.name, "password")
    letters.write_to(session, shop_id, staff_id, "account_changed", wall.isoformat(), what="password")
    return person


def require_password(person: Staff, password: str, wall: datetime) -> None:
    """What protects an account is changed by nobody who finds it open. Raises BadInput, TooManyTries."""
    throttle.count("own password", f"{person.shop_id}-{person.id}", wall)
    if not passwords.matches(person.password_hash, password):
        message = "This is not your password."
        raise BadInput(message, [{"field": "password", "message": message}])


def checked_email(email: str) -> str:
    """The address as it is kept: normalized, lower case. Raises BadInput."""
    try:
        return validate_email(email, check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError:
        message = "is not an e-mail address"
        raise BadInput(f"{email[:100]!r} {message}.", [{"field": "email", "message": message}]) from None


def checked_name(name: str) -> str:
    """The name without the space around it. Raises BadInput."""
    shown = " ".join(name.split())
    if not shown.isprintable() or not 1 <= len(shown) <= MAX_NAME_CHARACTERS:
        message = f"should have 1 to {MAX_NAME_CHARACTERS} characters"
        raise BadInput(f"The name {message}.", [{"field": "name", "message": message}])
    return shown
