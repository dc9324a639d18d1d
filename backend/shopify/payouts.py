"""What we know of the money that Shopify was asked for: rows of `shopify_payout`, each in a transaction of its own.

What is written here outlives the process that asked: a row that says `asked` is a call that may have been made.
"""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import text

from backend import clock
from backend.db import retrying, transaction
from backend.ledger.posting import AnySession
from backend.platforms.base import NotNow, TryAgain

NOBODYS = "Shopify knows nobody to pay it to: they have been forgotten, or never were a customer there."
ANOTHER_FIRST = "Another payment to this customer is not settled yet."
AFTER_ANOTHER_SECONDS = 5.0
SOMEBODY_ELSE = "Somebody else is asking Shopify for it just now."

_SAME = "shop_id = :shop and coupon_id = :coupon and is_back = :is_back and state = 'asked' and last_asked_at = :asked"


@dataclass(frozen=True)
class Payout:
    """What Shopify was asked to pay for a coupon; with `is_back` to take back. Of a gift card that is there, `last_asked_at`
    is when it was last looked at.

    `asked`: it may have been done or not; `unclear`: nobody but a person can say whose a transaction is. `gid` is Shopify's
    id of what was `done`.
    """

    shop_id: int
    coupon_id: int
    is_back: bool
    state: Literal["asked", "done", "unclear"]
    member_id: int | None
    gid: str | None
    asked_at: datetime
    last_asked_at: datetime


@retrying
def find(shop_id: int, coupon_id: int, *, is_back: bool = False) -> Payout | None:
    with transaction() as session:
        return _find(session, shop_id, coupon_id, is_back)


@retrying
def keep_card(shop_id: int, coupon_id: int, gid: str) -> None:
    """The gift card is there. Doing it again changes nothing."""
    with transaction() as session:
        session.execute(
            text(
                "insert into shopify_payout (shop_id, coupon_id, is_back, state, gid, asked_at, last_asked_at)"
                " values (:shop, :coupon, false, 'done', :gid, :wall, :wall) on conflict do nothing"
            ),
            {"shop": shop_id, "coupon": coupon_id, "gid": gid, "wall": clock.wall()},
        )


@retrying
def begin(shop_id: int, coupon_id: int, member_id: int, *, is_back: bool) -> Payout:
    """Note that Shopify is asked now. Raises NotNow while something else of this member is `asked`; TryAgain if somebody
    has noted the same meanwhile, or has settled all of it: whoever was held up must not pay for what has ended since."""
    asked = {
        "shop": shop_id,
        "coupon": coupon_id,
        "is_back": is_back,
        "member": member_id,
        "wall": clock.wall(),
        "coupon_is": "disabling" if is_back else "making",
    }
    with transaction() as session:
        new: Any = session.execute(
            text(
                "insert into shopify_payout (shop_id, coupon_id, is_back, state, member_id, asked_at, last_asked_at)"
                " select shop_id, id, :is_back, 'asked', :member, :wall, :wall from coupon"
                " where shop_id = :shop and id = :coupon and state = :coupon_is for share"  # holds off that it ends now
                " on conflict do nothing returning *"
            ),
            asked,
        ).one_or_none()
        if new is not None:
            return _read(new)
        is_wanted = session.execute(
            text("select state = :coupon_is from coupon where shop_id = :shop and id = :coupon"), asked
        ).scalar_one()
        if not is_wanted or _find(session, shop_id, coupon_id, is_back) is not None:
            raise TryAgain(SOMEBODY_ELSE)
    raise NotNow(ANOTHER_FIRST, AFTER_ANOTHER_SECONDS)


@retrying
def again(former: Payout) -> Payout:
    """Note that Shopify is asked once more, as what was asked for has not been done. Raises TryAgain if somebody else was
    quicker."""
    with transaction() as session:
        row: Any = session.execute(
            text(f"update shopify_payout set last_asked_at = :wall where {_SAME} returning *"),  # noqa: S608 - our own words
            {**_which(former), "wall": clock.wall()},
        ).one_or_none()
    if row is None:
        raise TryAgain(SOMEBODY_ELSE)
    return _read(row)


@retrying
def done(payout: Payout, gid: str) -> None:
    """This transaction is the one. Raises TryAgain if it is known as another coupon's, or if somebody else has decided."""
    with transaction() as session:
        changed = session.execute(
            text(
                f"update shopify_payout set state = 'done', gid = :gid where {_SAME} and not exists ("  # noqa: S608 - our own words
                " select 1 from shopify_payout p where p.shop_id = :shop and p.gid = :gid) returning 1"
            ),
            {**_which(payout), "gid": gid},
        ).first()
        if changed is None and _find(session, payout.shop_id, payout.coupon_id, payout.is_back, gid) is None:
            raise TryAgain(SOMEBODY_ELSE)


@retrying
def call_off(payout: Payout) -> bool:
    """It was not done, for certain: as if Shopify had never been asked. False if somebody is asking for it once more."""
    with transaction() as session:
        gone = session.execute(
            text(f"delete from shopify_payout where {_SAME} returning 1"),  # noqa: S608 - our own words
            _which(payout),
        ).first()
        return gone is not None


@retrying
def mark_unclear(payout: Payout) -> None:
    """A person has to look."""
    with transaction() as session:
        give_up(session, payout.shop_id, payout.coupon_id)


def give_up(session: AnySession, shop_id: int, coupon_id: int) -> bool:
    """Whatever was asked for and not answered will not be looked into any more. True if money has been paid, or may have
    been."""
    session.execute(
        text(
            "update shopify_payout set state = 'unclear' where shop_id = :shop and coupon_id = :coupon and state = 'asked'"
        ),
        {"shop": shop_id, "coupon": coupon_id},
    )
    return _find(session, shop_id, coupon_id, is_back=False) is not None


@retrying
def unclaimed(shop_id: int, gids: Collection[str]) -> list[str]:
    """Those of the transactions that are no coupon's yet, in order."""
    with transaction() as session:
        known = set(
            session.execute(
                text("select gid from shopify_payout where shop_id = :shop and gid = any(:gids)"),
                {"shop": shop_id, "gids": list(gids)},
            ).scalars()
        )
    return [gid for gid in gids if gid not in known]


def _find(session: AnySession, shop_id: int, coupon_id: int, is_back: bool, gid: str | None = None) -> Payout | None:
    row: Any = session.execute(
        text(
            "select * from shopify_payout where shop_id = :shop and coupon_id = :coupon and is_back = :is_back"
            " and (cast(:gid as text) is null or gid = :gid)"
        ),
        {"shop": shop_id, "coupon": coupon_id, "is_back": is_back, "gid": gid},
    ).one_or_none()
    return None if row is None else _read(row)


def _read(row: Any) -> Payout:
    return Payout(**{each.name: getattr(row, each.name) for each in fields(Payout)})


def _which(payout: Payout) -> dict[str, Any]:
    return {
        "shop": payout.shop_id,
        "coupon": payout.coupon_id,
        "is_back": payout.is_back,
        "asked": payout.last_asked_at,
    }
