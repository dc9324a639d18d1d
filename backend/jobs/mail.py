"""The mails of the outbox: who reads one, in which language and what it says is looked up when it goes out.

So an erased member gets nothing, a new address gets it all, whoever has unsubscribed meanwhile is left in peace, and the
balance in the mail is the one of that moment.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

from flask import current_app
from sqlalchemy import text

from backend import clock
from backend.config import Config
from backend.db import db
from backend.jobs.calls import Call, Send
from backend.ledger.balance import balance
from backend.loyalty.notifications import notices
from backend.loyalty.points import expiry
from backend.loyalty.program import programs
from backend.loyalty.shops import shops
from backend.mail import about_members, about_points, about_rewards
from backend.mail.asking import Asked, NothingToTell
from backend.mail.messages import Context, Kind, compose
from backend.mail.sending import Letterhead, MailServer, Post, letter, postbox
from backend.mail.unsubscribing import UnsubscribeLinks
from backend.platforms.base import Never

_READER = text("select email, first_name, locale, unsubscribed_at from member where shop_id = :shop and id = :member")

_LOOK_UP: Mapping[Kind, Callable[[Asked, Context], Context]] = {
    "points_earned": about_points.entry,
    "points_expiring": about_points.reminder,
    "points_expired": about_points.entry,
    "points_clawed_back": about_points.entry,
    "points_adjusted": about_points.entry,
    "reward_issued": about_rewards.issued,
    "reward_available": about_rewards.available,
    "reward_expired": partial(about_rewards.came_to_nothing, status="expired"),
    "reward_failed": partial(about_rewards.came_to_nothing, status="failed"),
    "reward_withdrawn": partial(about_rewards.came_to_nothing, status="returned"),
    "tier_changed": about_members.tier_changed,
    "tier_ending": about_members.tier_ending,
    "referral_rewarded": about_members.referral_rewarded,
}
"""What each kind is about."""


@dataclass(frozen=True)
class _Office:
    """What all mails of a batch have in common."""

    post: Post
    sender: str
    links: UnsubscribeLinks


@contextmanager
def line() -> Iterator[Send]:
    """A line to the mail server for a batch of mails."""
    config: Config = current_app.config["LAGNIAPPE"]
    server = MailServer.from_url(config.mail_url, config.base_url) if config.mail_url else None
    sender = server.sender if server is not None else "no-reply@localhost"
    with postbox(server) as post:
        office = _Office(post, sender, UnsubscribeLinks(config.secret_keys, config.base_url))

        def send(call: Call) -> str | None:
            return _send(call, office)

        yield send


def went_out(session: Any, call: Call) -> None:
    """Called in the transaction that notes the sending."""
    if call.payload["purpose"] == "points_expiring":
        expiry.reminder_went_out(session, call.shop_id, call.payload, clock.now())


def cannot_go_out(session: Any, call: Call, _reason: str) -> None:
    """Called in the transaction that notes that this mail will never go out."""
    if call.payload.get("purpose") == "points_expiring":
        expiry.reminder_impossible(session, call.shop_id, call.payload)


def _send(call: Call, office: _Office) -> str | None:
    kind: Kind = call.payload["purpose"]
    if kind not in get_args(Kind):
        raise Never(f"There is no mail called {kind!r}.")
    try:
        reader = db.session.execute(_READER, {"shop": call.shop_id, "member": call.payload["member_id"]}).one_or_none()
        if reader is None or reader.email is None:
            return "not sent: the member has no e-mail address"
        shop = shops.facts(call.shop_id)
        _, settings = programs.current(call.shop_id)
        takes_away = notices.takes_away(kind, call.payload)
        if not notices.is_wanted(kind, call.payload, settings, is_unsubscribed=reader.unsubscribed_at is not None):
            return "not sent: it is not wanted any more"
        url = office.links.url(call.shop_id, call.payload["member_id"])
        asked = Asked(db.session(), shop, settings, call.payload, reader.locale or shop.locale, clock.now())
        has = balance(asked.session, shop.id, asked.member_id, asked.now)
        context = _LOOK_UP[kind](
            asked,
            Context(
                shop_name=shop.name,
                shop_url=shop.address,
                shop_locale=shop.locale,
                timezone=shop.timezone,
                points=0,
                points_names=settings.points_name,
                first_name=reader.first_name,
                balance=has.available,
                owed=has.owed,
                accent=settings.appearance.accent,
                unsubscribe_url=url,
                takes_away=takes_away,
            ),
        )
    except NothingToTell as reason:
        return f"not sent: {reason}"
    finally:
        db.session.rollback()  # the call below may take its time: not inside a transaction
    office.post(
        letter(
            compose(kind, asked.locale, context),
            to_address=reader.email,
            to_name=reader.first_name,
            head=Letterhead(
                from_address=office.sender,
                from_name=shop.name,
                list_name=f"rewards-{shop.id}",
                unsubscribe_url=None if takes_away else url,
            ),
            key=f"{call.shop_id}:{call.key}",
        )
    )
    return None
