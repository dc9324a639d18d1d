"""Links that make a password: for somebody invited, for who forgot theirs, and for the first person of a new shop.

They are signed and nothing of them is kept: each says what it was made for, and stops working once that has changed
(the invitation is taken up or sent anew, the password is another, the shop has somebody).
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import exists, select

from backend.errors import NotFound
from backend.ledger.posting import AnySession
from backend.models import Shop, Staff
from backend.staff import accounts, letters, team_log
from backend.staff.rights import Right

LIFETIME = timedelta(days=7)
RESET_LIFETIME = timedelta(hours=1)
_PURPOSE = b"lagniappe staff link"


class Links:
    """Makes and reads the links with SECRET_KEY: the first key signs, all of them verify."""

    def __init__(self, keys: Sequence[str], base_url: str) -> None:
        derived = [hmac.digest(key.encode(), _PURPOSE, "sha256") for key in reversed(keys)]  # the last one signs
        self._signers = {
            purpose: URLSafeTimedSerializer(derived, salt=purpose, signer_kwargs={"digest_method": hashlib.sha256})
            for purpose in ("join", "reset", "begin")
        }
        self.base_url = base_url

    def make(self, purpose: str, said: list[int | str]) -> str:
        return f"{self.base_url}/admin/{purpose}/{self._signers[purpose].dumps(said)}"

    def read(self, purpose: str, token: str, lifetime: timedelta) -> list[int | str]:
        """What the link says. Raises NotFound for one that is too old or not ours."""
        try:
            said: list[int | str] = self._signers[purpose].loads(token, max_age=int(lifetime.total_seconds()))
        except BadData:
            raise NotFound("This link is too old, or not whole. Ask for a new one.") from None
        return said


@dataclass(frozen=True)
class Invited:
    """Whom a link is for. `staff_id` is None for the first person of a shop, who says their own name and address."""

    shop_id: int
    staff_id: int | None
    email: str | None = ""
    name: str = ""


USED = "This link has been used, or a newer one was sent."


def invite(
    session: AnySession, shop_id: int, now: datetime, *, email: str, name: str, rights: Iterable[Right], author: str
) -> Staff:
    """Ask somebody to join, by mail. Somebody who was let go may be asked again. Raises BadInput, Conflict."""
    person = accounts.invited(session, shop_id, now, email=email, name=name, rights=rights)
    _send(session, person)
    team_log.note(session, shop_id, now, author, "invited", person.name)
    return person


def invite_again(session: AnySession, shop_id: int, staff_id: int, now: datetime, *, author: str) -> Staff:
    """Send the invitation once more; the link of the one before stops working. Raises NotFound, Conflict."""
    person = accounts.find(session, shop_id, staff_id)
    accounts.require(person.status == "invited", "They have joined already.")
    person.invited_at = now
    _send(session, person)
    team_log.note(session, shop_id, now, author, "invited_again", person.name)
    return person


def _send(session: AnySession, person: Staff) -> None:
    letters.write_to(session, person.shop_id, person.id, "invitation", _stamp(person))


def _stamp(person: Staff) -> str:
    return person.invited_at.isoformat() if person.invited_at else ""


def link_for(session: AnySession, links: Links, shop_id: int, staff_id: int) -> str | None:
    """The link of an invitation; None if it was taken up or taken back."""
    person = session.get(Staff, (shop_id, staff_id))
    if person is None or person.status != "invited":
        return None
    return links.make("join", [shop_id, staff_id, _stamp(person)])


def read_invitation(session: AnySession, links: Links, token: str) -> Invited:
    """Whom this invitation is for. Raises NotFound."""
    shop_id, staff_id, stamp = links.read("join", token, LIFETIME)
    person = session.get(Staff, (shop_id, staff_id), with_for_update=True)
    if person is None or person.status != "invited" or _stamp(person) != stamp:
        raise NotFound(USED)
    return Invited(person.shop_id, person.id, person.email, person.name)


# Whoever forgot their password


def forgot(session: AnySession, email: str, wall: datetime) -> None:
    """A mail for each account with this address, if there is one; it says nothing of that to who asks."""
    found = session.execute(select(Staff).where(Staff.email == email.strip().lower(), Staff.status == "active"))
    for person in found.scalars():
        letters.write_to(session, person.shop_id, person.id, "password_reset", f"{wall:%Y%m%d%H%M}")


def reset_link_for(session: AnySession, links: Links, shop_id: int, staff_id: int) -> str | None:
    """A link to a new password; None for an account that is not active."""
    person = session.get(Staff, (shop_id, staff_id))
    if person is None or person.status != "active":
        return None
    return links.make("reset", [shop_id, staff_id, _print_of(person)])


def read_reset(session: AnySession, links: Links, token: str) -> Invited:
    """Whose password this link changes. Raises NotFound."""
    shop_id, staff_id, printed = links.read("reset", token, RESET_LIFETIME)
    person = session.get(Staff, (shop_id, staff_id), with_for_update=True)
    if person is None or person.status != "active" or _print_of(person) != printed:
        raise NotFound(USED)
    return Invited(person.shop_id, person.id, person.email, person.name)


def _print_of(person: Staff) -> str:
    return hashlib.sha256((person.password_hash or "").encode()).hexdigest()[:32]


# The first person of a shop


def first_link(links: Links, shop_id: int) -> str:
    """The link with which a new shop's owner comes in. It stops working once the shop has somebody."""
    return links.make("begin", [shop_id])


def read_first(session: AnySession, links: Links, token: str) -> Invited:
    """Whose shop this link begins. Raises NotFound. Locks the shop: two who use it at once make one owner."""
    (shop_id,) = links.read("begin", token, LIFETIME)
    session.execute(select(Shop.id).where(Shop.id == shop_id).with_for_update(key_share=True)).scalar_one()
    if session.execute(select(exists().where(Staff.shop_id == shop_id))).scalar_one():
        raise NotFound(USED)
    return Invited(int(shop_id), None)
