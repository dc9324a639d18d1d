"""Who of a shop's staff at Shopify is whom of our team (docs/decisions/0027).

Shopify says with each request which of its users asks. What they may do here is said here: the same people and rights as in
the stand-alone admin, on the page People.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select

from backend import db
from backend.errors import BadInput, Forbidden, Unauthorized
from backend.ledger.posting import AnySession
from backend.models import Shop, ShopifyUser, Staff
from backend.platforms.shopify.oauth import AssociatedUser
from backend.platforms.shopify.session_token import SessionToken
from backend.staff import accounts, sessions, team_log
from backend.staff.rights import Right
from backend.staff.sessions import SignedIn

NOT_ANY_MORE = "You are not on this program's team any more. Whoever looks after the team can invite you again."


class OpenFirst(Unauthorized):
    """Shopify vouches for them, but the app has not been opened yet: in this shop, or by this person."""

    code = "open_first"

    def __init__(self) -> None:
        super().__init__("Open the app in Shopify once more.")


class SignedOutHere(Unauthorized):
    code = "signed_out"

    def __init__(self) -> None:
        super().__init__("You were signed out here. Log out of Shopify and log in again, and the app opens anew.")


@dataclass(frozen=True, slots=True)
class Known:
    """What we know of a shop and of one of its users at Shopify."""

    shop_id: int
    domain: str
    is_installed: bool
    needs_opening: bool
    """The tokens are dead: the app has to be opened by its own address."""
    scopes: Sequence[str]
    """That the shop has granted."""
    staff_id: int | None
    """None: this user has not opened the app yet."""
    status: str | None
    email: str | None
    invited_at: datetime | None

    @property
    def needs_introduction(self) -> bool:
        """Whether Shopify is to be asked who this is."""
        return self.staff_id is None or self.status == "removed" or self.email is None


def look_up(token: SessionToken) -> Known | None:
    """The shop and the person that the token is about. None: nobody has opened the app in this shop yet."""
    row = db.one_statement(
        """
        select s.shop_id, s.domain, s.state = 'installed' as is_installed, s.needs_opening, s.scopes,
            u.staff_id, p.status, p.email, p.invited_at
        from shopify_shop s
        left join shopify_user u on u.shop_id = s.shop_id and u.user_id = %(user)s
        left join staff p on p.shop_id = u.shop_id and p.id = u.staff_id
        where s.domain = %(domain)s
        """,
        {"domain": token.shop, "user": token.user_id},
    )
    return Known(**row) if row is not None else None


def sign_in(known: Known | None, token: SessionToken, user_agent: str, wall: datetime) -> SignedIn:
    """Who asks. Raises OpenFirst, Forbidden for who was let go, SignedOutHere."""
    if known is None or not known.is_installed or known.staff_id is None or known.status == "invited":
        raise OpenFirst()
    if known.status == "removed":
        raise Forbidden(NOT_ANY_MORE)
    # Whoever was let go and is invited again begins anew: their sessions of before stay ended.
    name = f"shopify\0{known.shop_id}\0{token.user_id}\0{token.session_id}\0{known.invited_at}"
    found = sessions.vouched_for(known.shop_id, known.staff_id, name, user_agent, wall)
    if found is None:
        raise SignedOutHere()
    return found


def welcome(session: AnySession, shop_id: int, user_id: str, about: AssociatedUser | None, now: datetime) -> Staff:
    """Make sure that this user is somebody of our team. `about` is what Shopify says of them, None if it says nothing.

    Whoever has an account with the address that Shopify has verified is that person. Whoever comes first, and the shop's
    owner, may do everything; everybody else sees, and changes nothing until they are given rights. Raises Forbidden for who
    was let go.
    """
    about = about if about is not None and about.id == user_id else None
    # Two who come first at the same time would both be the first otherwise.
    session.execute(select(Shop.id).where(Shop.id == shop_id).with_for_update(key_share=True)).scalar_one()
    link = session.get(ShopifyUser, (shop_id, user_id))
    person = session.get(Staff, (shop_id, link.staff_id), with_for_update=True) if link is not None else None
    if person is None or person.status == "removed":
        person = _with_address(session, shop_id, about) or person
    if person is None:
        person = _new(session, shop_id, user_id, about, now)
    elif link is not None:
        _introduce(session, person, user_id, about, now)
    elif _is_owner(about) and person.status != "removed":
        _may_everything(session, person, now)
    if link is None:
        session.add(ShopifyUser(shop_id=shop_id, user_id=user_id, staff_id=person.id))
    else:
        link.staff_id = person.id
    if person.status == "removed":
        raise Forbidden(NOT_ANY_MORE)
    if person.status == "invited":
        person.status = "active"
        team_log.note(session, shop_id, now, person.name, "joined_by_shopify")
    session.flush()
    return person


def _with_address(session: AnySession, shop_id: int, about: AssociatedUser | None) -> Staff | None:
    """Whose account has the verified address."""
    email = _address(about)
    if email is None:
        return None
    wanted = select(Staff).where(Staff.shop_id == shop_id, Staff.email == email).with_for_update()
    found: Staff | None = session.execute(wanted).scalar_one_or_none()
    return found


def _new(session: AnySession, shop_id: int, user_id: str, about: AssociatedUser | None, now: datetime) -> Staff:
    is_first = not session.execute(
        select(
            exists().where(
                Staff.shop_id == shop_id, Staff.status == "active", Staff.rights.contains([Right.STAFF.value])
            )
        )
    ).scalar_one()
    person = accounts.without_password(
        session,
        shop_id,
        now,
        email=_address(about),
        name=_name(about, user_id),
        rights=Right if is_first or _is_owner(about) else _to_begin_with(about),
    )
    team_log.note(session, shop_id, now, person.name, "began" if is_first else "joined_by_shopify")
    return person


def _introduce(session: AnySession, person: Staff, user_id: str, about: AssociatedUser | None, now: datetime) -> None:
    """Give a name and an address to who came in while Shopify did not say who they are, or had not verified the address."""
    if about is None:
        return
    if person.email is None and _with_address(session, person.shop_id, about) is None:
        person.email = _address(about)
    if person.name != _nameless(user_id):
        return
    person.name = _name(about, user_id)
    if _is_owner(about):
        _may_everything(session, person, now)


def _may_everything(session: AnySession, person: Staff, now: datetime) -> None:
    everything = sorted(right.value for right in Right)
    if person.rights != everything:
        person.rights = everything
        team_log.note(session, person.shop_id, now, person.name, "owner_by_shopify")


def _to_begin_with(about: AssociatedUser | None) -> Iterable[Right]:
    """Figures; customers for those who may see them in Shopify, too."""
    sees_customers = about is not None and {"read_customers", "write_customers"} & set(about.scopes)
    return {Right.REPORTS, Right.VIEW_CUSTOMERS} if sees_customers else {Right.REPORTS}


def _is_owner(about: AssociatedUser | None) -> bool:
    return about is not None and about.account_owner


def _address(about: AssociatedUser | None) -> str | None:
    """Only a verified one: whoever reads its mail can choose a password for the account."""
    if about is None or about.email is None or not about.email_verified:
        return None
    try:
        return accounts.checked_email(about.email)
    except BadInput:
        return None


def _name(about: AssociatedUser | None, user_id: str) -> str:
    if about is None:
        return _nameless(user_id)
    said = " ".join(each for each in (about.first_name, about.last_name) if each)
    for name in (said, about.email or ""):
        try:
            return accounts.checked_name("".join(each if each.isprintable() else " " for each in name)[:100])
        except BadInput:
            continue
    return _nameless(user_id)


def _nameless(user_id: str) -> str:
    return f"Shopify user {user_id}"
