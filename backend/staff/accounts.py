"""Staff accounts: making one."""

from collections.abc import Iterable
from datetime import datetime

from email_validator import EmailNotValidError, validate_email

from backend.errors import BadInput
from backend.ledger.posting import AnySession
from backend.models import Staff
from backend.staff import passwords
from backend.staff.rights import Right

MAX_NAME_CHARACTERS = 120


def create(
    session: AnySession, shop_id: int, now: datetime, *, email: str, name: str, password: str, rights: Iterable[Right]
) -> Staff:
    """Somebody who can sign in at once. Raises BadInput that names the wrong field."""
    person = Staff(
        shop_id=shop_id,
        email=checked_email(email),
        name=checked_name(name),
        rights=sorted(rights),
        status="active",
        password_hash=passwords.hashed(password),
        totp_step=0,
        created_at=now,
    )
    session.add(person)
    session.flush()
    return person


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
