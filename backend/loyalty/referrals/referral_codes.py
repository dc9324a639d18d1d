"""The code of a member's own link: ten characters that nobody guesses and nobody misreads."""

import secrets

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from backend.ledger.posting import AnySession
from backend.models import Member

LENGTH = 10  # of 5 bits each: 50
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_MISREAD = str.maketrans("OIL", "011")


def new_code() -> str:
    """Fifty random bits, such as `7G4MQ2XD9P`."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(LENGTH))


def read(said: str) -> str:
    """The code that is meant, whatever its case, with O for 0 and I or L for 1; "" for what cannot be one.

    >>> read("7g4mq2xd9o")
    '7G4MQ2XD90'
    """
    code = said.strip().upper().translate(_MISREAD) if len(said) <= 2 * LENGTH else ""
    return code if len(code) == LENGTH and all(letter in _ALPHABET for letter in code) else ""


def advocate_of(session: AnySession, shop_id: int, said: str) -> int | None:
    """The member of the shop whose code it is, or whose merged account's; None for a code that nobody has here."""
    code = read(said)
    if not code:
        return None
    kept = aliased(Member)
    return session.execute(
        select(kept.id)
        .join(Member, (Member.shop_id == kept.shop_id) & (func.coalesce(Member.merged_into, Member.id) == kept.id))
        .where(Member.referral_code == code, Member.shop_id == shop_id, kept.status == "active")
    ).scalar_one_or_none()
