"""The mails of the outbox: who reads one, in which language and what it says is looked up when it goes out.

So an erased member gets nothing, a new address gets it all, and the balance in the mail is the one of that moment.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args

from flask import current_app
from sqlalchemy import text

from backend import clock
from backend.config import Config
from backend.db import db
from backend.jobs.calls import Call, Send
from backend.ledger.balance import balance
from backend.loyalty import expiry, programs, rewards, shops
from backend.loyalty.wording import pick
from backend.mail.messages import Context, Kind, compose
from backend.mail.sending import MailServer, letter, postbox
from backend.models import Redemption
from backend.platforms.base import Never

_READER = text("select email, first_name, locale from member where shop_id = :shop and id = :member")
_ENTRY = text("select kind, points, reason, expires_at, why from entry where shop_id = :shop and id = :entry")
_LOTS = text(
    "select coalesce(sum(remaining), 0) as points, min(expires_at) as expires_at from lot"
    " where shop_id = :shop and member_id = :member and id = any(cast(:lots as bigint[])) and open"
)


@dataclass(frozen=True)
class _Told:
    """What the mail is about."""

    points: int
    expires_at: datetime | None
    order_number: str | None = None
    reason: str | None = None
    reward: str | None = None
    points_came_back: bool = False


class _NothingToTell(Exception):
    """What the mail would say is not so any more; the reason stands in the outbox."""


@contextmanager
def line() -> Iterator[Send]:
    """A line to the mail server for a batch of mails."""
    config: Config = current_app.config["LAGNIAPPE"]
    server = MailServer.from_url(config.mail_url, config.base_url) if config.mail_url else None
    sender = server.sender if server is not None else "no-reply@localhost"
    with postbox(server) as post:

        def send(call: Call) -> str | None:
            return _send(call, post, sender)

        yield send


def went_out(session: Any, call: Call) -> None:
    """Called in the transaction that notes the sending."""
    if call.payload["purpose"] == "points_expiring":
        expiry.reminder_went_out(session, call.shop_id, call.payload, clock.now())


def cannot_go_out(session: Any, call: Call, _reason: str) -> None:
    """Called in the transaction that notes that this mail will never go out."""
    if call.payload.get("purpose") == "points_expiring":
        expiry.reminder_impossible(session, call.shop_id, call.payload)


def _send(call: Call, post: Any, sender: str) -> str | None:
    kind: Kind = call.payload["purpose"]
    if kind not in get_args(Kind):
        raise Never(f"There is no mail called {kind!r}.")
    try:
        shop = shops.facts(call.shop_id)
        reader = db.session.execute(_READER, {"shop": call.shop_id, "member": call.payload["member_id"]}).one_or_none()
        if reader is None or reader.email is None:
            return "not sent: the member has no e-mail address"
        locale = reader.locale or shop.locale
        told = _told(kind, call, locale, shop.locale)
        has = balance(db.session(), call.shop_id, call.payload["member_id"], clock.now())
        _, program = programs.current(call.shop_id)
    except _NothingToTell as reason:
        return f"not sent: {reason}"
    finally:
        db.session.rollback()  # the call below may take its time: not inside a transaction
    message = compose(
        kind,
        locale,
        Context(
            shop_name=shop.name,
            shop_url=shop.address,
            shop_locale=shop.locale,
            timezone=shop.timezone,
            points=told.points,
            points_names=program.points_name,
            first_name=reader.first_name,
            balance=has.available,
            owed=has.owed,
            expires_at=told.expires_at,
            never_expires=told.expires_at is None,
            order_number=told.order_number,
            reason=told.reason,
            reward=told.reward,
            points_came_back=told.points_came_back,
            accent=program.appearance.accent,
        ),
    )
    post(
        letter(
            message,
            to_address=reader.email,
            to_name=reader.first_name,
            from_address=sender,
            from_name=shop.name,
            key=f"{call.shop_id}:{call.key}",
        )
    )
    return None


def _told(kind: Kind, call: Call, locale: str, shop_locale: str) -> _Told:
    match kind:
        case "points_expiring":
            return _reminder(call)
        case "reward_expired" | "reward_failed":
            return _redemption(call, kind.removeprefix("reward_"), locale, shop_locale)
    return _entry(call, locale, shop_locale)


def _reminder(call: Call) -> _Told:
    """The points that the reminder is about, as far as they are still there."""
    left = db.session.execute(
        _LOTS, {"shop": call.shop_id, "member": call.payload["member_id"], "lots": call.payload["lot_ids"]}
    ).one()
    if left.points == 0:
        raise _NothingToTell("nothing of these points is left")
    expires_at = left.expires_at
    if expires_at is not None and call.payload["days"] == expiry.LAST_DAYS:
        # Sending it late moves the end (`expiry.reminder_went_out`); the mail must say the same.
        expires_at = max(expires_at, clock.now() + timedelta(days=expiry.LAST_DAYS))
    return _Told(points=int(left.points), expires_at=expires_at)


def _entry(call: Call, locale: str, shop_locale: str) -> _Told:
    """The entry of the ledger that the mail is about."""
    entry = db.session.execute(_ENTRY, {"shop": call.shop_id, "entry": call.payload["entry_id"]}).one_or_none()
    if entry is None:
        raise Never(f"The ledger has no entry {call.payload['entry_id']}.")
    order = entry.why.get("order")
    if entry.kind == "claw_back":
        reason = entry.why.get("loss")
    elif entry.kind in ("grant", "deduct"):
        reason = entry.reason
    else:
        reason = pick(entry.why.get("title") or {}, locale, shop_locale)
    return _Told(
        points=-entry.points if entry.kind == "deduct" else entry.points,
        expires_at=entry.expires_at,
        order_number=order if isinstance(order, str) else None,
        reason=reason,
    )


def _redemption(call: Call, status: str, locale: str, shop_locale: str) -> _Told:
    """The reward that came to nothing, by the name that it had when it was chosen, in the reader's language."""
    redemption = db.session.get(Redemption, (call.shop_id, call.payload["redemption_id"]))
    if redemption is None:
        raise Never(f"There is no redemption {call.payload['redemption_id']}.")
    if redemption.status != status:
        raise _NothingToTell(f"the reward is {redemption.status}")  # an order carried its code after all
    reward = rewards.find(db.session(), call.shop_id, redemption.reward_id)
    name = redemption.frozen["name"]
    return _Told(
        points=redemption.points,
        expires_at=redemption.expires_at,
        reward=rewards.texts_in(reward, locale, shop_locale).name if name == reward.name else name,
        points_came_back=bool(redemption.frozen.get("points_back")),
    )
