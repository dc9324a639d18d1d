"""Coupons: the codes of rewards. Merchants upload them, or we make them ahead of need, so that no shopper waits.

Every code that was ever known in a shop is a row of `coupon`, unique whatever its case. The free ones stand in
`coupon_free`; whoever takes one deletes its row there (redeem.sql). A code of ours is `making` until the store has it; one
that must not work any more is `disabling` until the store has said so. What follows from either is done in the transaction
that notes the store's answer (`became_ready`, `was_refused`, `was_disabled`).

What a code is worth was promised to whoever waits for one: they get a code of that worth, whatever the reward is worth by
then, and the stock holds codes of today's worth alone.

Gift cards and store credit are money, of which nobody keeps a stock: each is made for one redemption, which waits for it
(docs/decisions/0031). The code of store credit is a receipt between the store and us; no redemption and no shopper has it.

Locks: account, redemption, reward, coupon. Holding the reward holds off a change of what its codes are worth.
"""

import csv
import io
import logging
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
from sqlalchemy import select, text

from backend import clock, outbox
from backend.db import RETRIED_SQLSTATES, sqlstate
from backend.ledger.posting import AnySession
from backend.loyalty import name_locks
from backend.loyalty.redemptions import issuing
from backend.loyalty.shops import shopify_shops
from backend.loyalty.shops.shops import SHOPIFY, ShopFacts
from backend.models import Coupon, Redemption, Reward
from backend.queue import enqueue_after_commit

REFILL = "points.refill_coupons"
OUTBOX_KIND = "discount"
SHOPIFY_CODE = "shopify_code"
SHOPIFY_DISCOUNT = "shopify_discount"
SHOPIFY_GIFT_CARD = "shopify_gift_card"
SHOPIFY_STORE_CREDIT = "shopify_store_credit"
OUTBOX_KINDS = (OUTBOX_KIND, SHOPIFY_CODE, SHOPIFY_DISCOUNT, SHOPIFY_GIFT_CARD, SHOPIFY_STORE_CREDIT)
"""How stores are told of codes (`told_as`)."""
GIFT_CARD = "gift_card"
STORE_CREDIT = "store_credit"
MONEY_KINDS = (GIFT_CARD, STORE_CREDIT)
"""Kinds of worth that a store pays in money, `{"kind", "value", "currency", ...}` as an amount off has them: a code of
these is made for one redemption, never for stock."""
TAKEN = "The store has another discount of this code."
"""Why a code was refused that `is_taken_elsewhere`."""
SPENT = "It has been spent, or a part of it."
"""Why a store cannot take money back, if that is why."""
STOCK = 50
"""So many free codes of each reward are kept ready; one in ten that is taken looks after it (redeem.sql)."""
TAKEN_PER_LOOK = 10
MOST_SERVED = 200
"""So many of those who wait for a code get one in one transaction: their accounts are held that long."""
LOW_STOCK = 10
"""Of an uploaded pool: below this the merchant is told that it runs low."""
DEFAULT_PREFIX = "LGN"
LONGEST_CODE = 255
REFUSED_AGAIN_AFTER = timedelta(minutes=10)
"""A store that refuses a code for good is not asked for the next one at once."""
CLOSED_AGAIN_AFTER = timedelta(hours=1)
"""Shopify takes no codes for a shop without the app or the permission. When that changes, all stock is looked after at once
(`look_after_all`), unless nobody has told us."""
FAILED_AGAIN_AFTER = timedelta(minutes=1)

log = logging.getLogger(__name__)

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: nothing that reads like something else
_RANDOM_CHARACTERS = 12  # of 5 bits each: 60 (reliability section 3)
_LONGEST_OF_A_CARD = 20
_NOT_IN_A_CODE = re.compile(r"[\s\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class RefusedCode:
    """A code of an upload that was not taken. `line` counts from 1."""

    line: int
    code: str
    reason: str


@dataclass(frozen=True)
class UploadReport:
    added: int
    refused: tuple[RefusedCode, ...]


def new_code(prefix: str | None = None) -> str:
    """A code that nobody guesses: 60 random bits in three groups, such as `LGN-7G4M-Q2XD-9PTR`."""
    random = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))
    return "-".join([prefix or DEFAULT_PREFIX, *(random[at : at + 4] for at in range(0, _RANDOM_CHARACTERS, 4))])


def new_gift_card_code(prefix: str | None = None) -> str:
    """A gift card's code as Shopify takes it, 8 to 20 letters and digits, with the same 60 random bits: `LGN7G4MQ2XD9PTR`.
    A prefix that is too long for that is cut."""
    begins = "".join(sign for sign in prefix or DEFAULT_PREFIX if sign not in "-_").upper()
    random = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))
    return begins[: _LONGEST_OF_A_CARD - _RANDOM_CHARACTERS] + random


def is_money(worth: Mapping[str, Any] | None) -> bool:
    """Whether the store pays it as a gift card or as store credit."""
    return worth is not None and worth["kind"] in MONEY_KINDS


def reference(shop_id: int, coupon_id: int) -> str:
    """What the store knows the code's discount by: always the same, so that a repeated call is recognised as ours."""
    return f"lagniappe-{shop_id}-{coupon_id}"


def told_as(shop: ShopFacts, *, is_alone: bool = False, worth: Mapping[str, Any] | None = None) -> str | None:
    """The kind of the outbox's row that tells this shop's store of a code; None: the store looks its codes up.

    At Shopify, codes of one worth share a discount, and many are made or taken away with one call; one that has a discount
    to itself, made for one redemption or the merchant's own, goes `is_alone`. Money goes its own ways.
    """
    if worth is not None and is_money(worth):
        return SHOPIFY_GIFT_CARD if worth["kind"] == GIFT_CARD else SHOPIFY_STORE_CREDIT
    if shop.platform == SHOPIFY:
        return SHOPIFY_DISCOUNT if is_alone else SHOPIFY_CODE
    return None if shop.discounts_url is None else OUTBOX_KIND


# Uploaded pools ----------------------------------------------------------------------------------------------------


def read_csv(document: str) -> list[str]:
    """The codes of a CSV file: its first column, without a heading called `code` and whatever a spreadsheet puts first.

    Columns are parted by commas, or by what parts the first line instead: in much of Europe a spreadsheet writes semicolons.
    """
    lines = io.StringIO(document.removeprefix("\ufeff"), newline="")
    first = lines.readline()
    parted_by = next((sign for sign in (",", ";", "\t") if sign in first), ",")
    lines.seek(0)
    rows = [row[0] if row else "" for row in csv.reader(lines, delimiter=parted_by)]
    if rows and rows[0].strip().casefold() in ("code", "codes", "coupon", "coupon code"):
        rows[0] = ""
    return rows


def add_uploaded(
    session: AnySession, shop_id: int, reward_id: int, codes: Iterable[str], now: datetime, first_line: int = 1
) -> UploadReport:
    """Add a merchant's codes to the reward's pool and say which were refused and why. Blank lines are passed over."""
    good, refused = _sorted_out(codes, first_line)
    added = _insert(session, shop_id, reward_id, [code for _, code in good.values()], "uploaded", "ready", None, now)
    _set_free(session, shop_id, reward_id, added)
    return _reported(good, refused, {code.upper() for _, code in added})


def would_be_added(session: AnySession, shop_id: int, codes: Iterable[str], first_line: int = 1) -> UploadReport:
    """What `add_uploaded` would say of these codes now. Changes nothing."""
    good, refused = _sorted_out(codes, first_line)
    known = session.execute(
        text(
            "select upper(c.code) from coupon c join unnest(cast(:keys as text[])) as k (key) on upper(c.code) = upper(k.key)"
            " where c.shop_id = :shop"
        ),
        {"shop": shop_id, "keys": list(good)},
    )
    return _reported(good, refused, set(good) - set(known.scalars()))


def _sorted_out(codes: Iterable[str], first_line: int) -> tuple[dict[str, tuple[int, str]], list[RefusedCode]]:
    """Codes that may be taken, by what makes them unique, with their lines; and what is wrong with the others."""
    good: dict[str, tuple[int, str]] = {}
    refused: list[RefusedCode] = []
    for line, given in enumerate(codes, start=first_line):
        code = given.strip()
        if not code:
            continue
        if (reason := _reason_against(code)) is not None:
            refused.append(RefusedCode(line, code[:LONGEST_CODE], reason))
        elif (known := good.get(code.upper())) is not None:
            refused.append(RefusedCode(line, code, f"stands in line {known[0]} already"))
        else:
            good[code.upper()] = (line, code)
    return good, refused


def _reported(good: dict[str, tuple[int, str]], refused: list[RefusedCode], new: set[str]) -> UploadReport:
    known = [
        RefusedCode(line, code, "is known in this shop already") for key, (line, code) in good.items() if key not in new
    ]
    return UploadReport(len(new), tuple(sorted([*refused, *known], key=lambda each: each.line)))


def _reason_against(code: str) -> str | None:
    if len(code) > LONGEST_CODE:
        return f"is longer than {LONGEST_CODE} characters"
    if _NOT_IN_A_CODE.search(code):
        return "holds a space or a control character"
    return None


# Stock of our own -----------------------------------------------------------------------------------------------------


def ask_refill(session: AnySession, shop_id: int, reward_id: int, after: timedelta = timedelta()) -> None:
    """Have somebody look after the reward's stock, once the running transaction has committed."""
    session.execute(
        text("insert into coupon_refill (shop_id, reward_id, due_at) values (:shop, :reward, :due)"),
        {"shop": shop_id, "reward": reward_id, "due": clock.wall() + after},
    )
    enqueue_after_commit(REFILL)


def look_after_all(session: AnySession, shop_id: int) -> None:
    """Have somebody look after the stock of every reward: the store takes codes again."""
    session.execute(
        text(
            "insert into coupon_refill (shop_id, reward_id, due_at)"
            " select shop_id, id, :wall from reward where shop_id = :shop and worth is not null"
        ),
        {"shop": shop_id, "wall": clock.wall()},
    )
    enqueue_after_commit(REFILL)


def refill_next(session: AnySession, facts: Any, now: datetime) -> bool:
    """Look after the stock of one reward that asks for it; False if none does.

    `facts` gives a shop's facts by its id. Redemptions that wait are served first from what is free, then codes are
    made for those that still wait and for the stock. A reward that fails stays alone, and is tried again later.
    """
    asked = session.execute(
        text(
            "select shop_id, id, reward_id from coupon_refill where due_at <= :wall order by due_at, id limit 1"
            " for update skip locked"
        ),
        {"wall": clock.wall()},
    ).one_or_none()
    if asked is None:
        return False
    try:
        with session.begin_nested():
            _look_after(session, facts(asked.shop_id), asked.reward_id, now)
    except Exception as error:
        if sqlstate(error) in RETRIED_SQLSTATES:
            raise  # all of it runs again
        log.exception("the stock of reward %s of shop %s cannot be looked after", asked.reward_id, asked.shop_id)
        session.execute(
            text("update coupon_refill set due_at = :later where shop_id = :shop and id = :id"),
            {"later": clock.wall() + FAILED_AGAIN_AFTER, "shop": asked.shop_id, "id": asked.id},
        )
    return True


def _look_after(session: AnySession, shop: ShopFacts, reward_id: int, now: datetime) -> None:
    _alone(session, shop.id, reward_id)
    waiting = issuing.lock_waiting(session, shop.id, reward_id, MOST_SERVED)
    reward = _held(session, shop.id, reward_id)
    promised_money = [each for each in waiting if is_money(each.frozen["worth"])]
    for redemption in promised_money:
        _pay(session, shop, reward, redemption, now)
    if promised_money and len(waiting) == MOST_SERVED:
        ask_refill(session, shop.id, reward.id)  # more may be waiting
    promised_the_same = [each for each in waiting if each.frozen["worth"] == reward.worth and each.coupon_id is None]
    free = _pop(session, shop.id, reward.id, len(promised_the_same))
    served = _hand_out(session, shop, reward.id, promised_the_same, free, now)
    if shop.platform == SHOPIFY and not shopify_shops.takes_codes(session, shop.id):
        ask_refill(session, shop.id, reward.id, CLOSED_AGAIN_AFTER)
        return
    for worth, wanted in _shortages(session, reward, now):
        still_waiting = [each for each in waiting if each.status == "requested" and each.frozen["worth"] == worth]
        served += make(session, shop, reward, worth, wanted, still_waiting, now)
    if served == MOST_SERVED:
        ask_refill(session, shop.id, reward.id)  # more may be waiting


def _alone(session: AnySession, shop_id: int, reward_id: int) -> None:
    """Be the only one that looks after this reward, for all that have asked by now."""
    name_locks.hold(session, shop_id, "refill", str(reward_id))
    session.execute(
        text(
            "delete from coupon_refill r using (select shop_id, id from coupon_refill where shop_id = :shop"
            " and reward_id = :reward and due_at <= :wall for update skip locked) o"
            " where r.shop_id = o.shop_id and r.id = o.id"
        ),
        {"shop": shop_id, "reward": reward_id, "wall": clock.wall()},
    )


def _held(session: AnySession, shop_id: int, reward_id: int) -> Reward:
    """The reward as it is now; what its codes are worth stays so until the transaction ends."""
    return session.execute(
        select(Reward)
        .where(Reward.shop_id == shop_id, Reward.id == reward_id)
        .with_for_update(read=True, key_share=True)
        .execution_options(populate_existing=True)
    ).scalar_one()


def make(
    session: AnySession,
    shop: ShopFacts,
    reward: Reward,
    worth: dict[str, Any],
    count: int,
    waiting: list[Redemption],
    now: datetime,
) -> int:
    """Make codes and have the store told. A store without an address for it looks codes up: they are ready at once,
    for those who wait first; how many of these were served."""
    codes = [new_code(reward.details.get("code_prefix")) for _ in range(count)]
    kind = told_as(shop)
    made = _insert(session, shop.id, reward.id, codes, "made", "ready" if kind is None else "making", worth, now)
    if kind is None:
        return _hand_out(session, shop, reward.id, waiting, made, now)
    outbox.put_all(session, kind, [(shop.id, create_key(coupon_id), {"coupon_id": coupon_id}) for coupon_id, _ in made])
    return 0


def make_for(
    session: AnySession,
    shop: ShopFacts,
    reward_id: int,
    redemption_id: int,
    *,
    prefix: str | None,
    worth: dict[str, Any],
    expires_at: datetime | None,
    now: datetime,
) -> tuple[int, str]:
    """Make one code for one redemption alone: its id and the code, which the store may not have yet."""
    kind = told_as(shop, is_alone=True, worth=worth)
    coupon = Coupon(
        shop_id=shop.id,
        reward_id=reward_id,
        code=new_gift_card_code(prefix) if worth["kind"] == GIFT_CARD else new_code(prefix),
        source="made",
        state="ready" if kind is None else "making",
        worth=worth,
        expires_at=expires_at,
        redemption_id=redemption_id,
        created_at=now,
    )
    session.add(coupon)
    session.flush()
    if kind is not None:
        outbox.put(session, shop.id, kind, create_key(coupon.id), {"coupon_id": coupon.id})
    return coupon.id, coupon.code


def _pay(session: AnySession, shop: ShopFacts, reward: Reward, redemption: Redemption, now: datetime) -> None:
    """Have the store pay a redemption that waits. It has no code that anybody could read before the store has it."""
    redemption.coupon_id, _ = make_for(
        session,
        shop,
        reward.id,
        redemption.id,
        prefix=reward.details.get("code_prefix"),
        worth=redemption.frozen["worth"],
        expires_at=issuing.valid_until(shop, redemption.frozen.get("valid_days"), now),
        now=now,
    )


def create_key(coupon_id: int) -> str:
    """The outbox's name for telling the store of a code."""
    return f"discount:{coupon_id}:create"


def withdraw_stock(session: AnySession, shop: ShopFacts, reward_id: int) -> None:
    """What the codes are worth has changed: those of the old worth that nobody has are disabled at the store.

    The caller holds the reward's row. Uploaded codes are the merchant's own and stay.
    """
    old = session.execute(
        text(
            "select c.id from coupon c left join coupon_free f"
            " on f.shop_id = c.shop_id and f.reward_id = c.reward_id and f.coupon_id = c.id"
            " where c.shop_id = :shop and c.reward_id = :reward and c.source = 'made' and c.redemption_id is null"
            " and (c.state = 'making' or f.coupon_id is not null) order by c.id for update of c"
        ),
        {"shop": shop.id, "reward": reward_id},
    ).scalars()
    for coupon_id in old.all():
        taken = session.execute(
            text(
                "delete from coupon_free where shop_id = :shop and reward_id = :reward and coupon_id = :id returning 1"
            ),
            {"shop": shop.id, "reward": reward_id, "id": coupon_id},
        ).scalar()
        coupon = session.get_one(Coupon, (shop.id, coupon_id), populate_existing=True)
        if taken or coupon.state == "making":
            disable(session, shop, coupon_id)
    ask_refill(session, shop.id, reward_id)


def _shortages(session: AnySession, reward: Reward, now: datetime) -> list[tuple[dict[str, Any], int]]:
    """How many codes of which worth are to be made: one for each who waits for one, and the stock."""
    counted: list[Any] = list(
        session.execute(
            text(
                """
                select frozen -> 'worth' as worth, count(*) as wanted from redemption
                    where shop_id = :shop and reward_id = :reward and status = 'requested' group by 1
                union all
                select worth, -count(*) from coupon where shop_id = :shop and reward_id = :reward and state = 'making'
                    and redemption_id is null group by 1
                union all
                select cast(:worth as jsonb), -count(*) from (select from coupon_free
                    where shop_id = :shop and reward_id = :reward limit :stock) free
                """
            ),
            {
                "shop": reward.shop_id,
                "reward": reward.id,
                "stock": STOCK,
                "worth": None if reward.worth is None else orjson.dumps(reward.worth).decode(),
            },
        )
    )
    is_over = reward.active_to is not None and reward.active_to <= now
    stock = STOCK if reward.coupon_source == "made" and reward.is_active and not is_over else 0
    shortages: list[tuple[dict[str, Any], int]] = []
    promised = [each.worth for each in counted if each.wanted > 0 and each.worth != reward.worth]
    for worth in [each for each in (reward.worth, *promised) if not is_money(each)]:
        wanted = sum(each.wanted for each in counted if each.worth == worth) + (stock if worth == reward.worth else 0)
        if worth is not None and wanted > 0:
            shortages.append((worth, wanted))
    return shortages


# What the store said ----------------------------------------------------------------------------------------------------


def became_ready(session: AnySession, shop: ShopFacts, coupon_id: int, now: datetime) -> None:
    """The store has the code: whoever waits longest gets it, else it is stock. Nothing, if it was withdrawn meanwhile."""
    coupon = session.get_one(Coupon, (shop.id, coupon_id))
    if coupon.redemption_id is not None:
        redemption = issuing.locked(session, shop.id, coupon.redemption_id)
        if _leaves_making(session, coupon, "ready") and redemption.coupon_id == coupon.id:
            if is_money(coupon.worth):
                give(session, shop, redemption, now)
            else:
                redemption.is_ready = True
        return
    waiting = issuing.lock_waiting(session, shop.id, coupon.reward_id, 1, coupon.worth)
    reward = _held(session, shop.id, coupon.reward_id)
    if not _leaves_making(session, coupon, "ready"):
        return
    if waiting:
        issuing.issue(session, shop, waiting[0], coupon.id, coupon.code, now)
        if coupon.worth != reward.worth:  # whoever was promised something else may have waited behind
            ask_refill(session, shop.id, coupon.reward_id)
    elif coupon.worth != reward.worth:
        disable(session, shop, coupon.id)  # it was made for somebody who waits no more
    else:
        _set_free(session, shop.id, coupon.reward_id, [(coupon.id, coupon.code)])
        if issuing.does_one_wait(session, shop.id, coupon.reward_id, coupon.worth):  # who waited longest was served
            ask_refill(session, shop.id, coupon.reward_id)


def give(session: AnySession, shop: ShopFacts, redemption: Redemption, now: datetime) -> None:
    """The store has paid what the redemption, which waits, was promised. The caller holds it."""
    coupon = session.get_one(Coupon, (shop.id, redemption.coupon_id))
    assert coupon.worth is not None
    code = coupon.code if coupon.worth["kind"] == GIFT_CARD else None
    issuing.issue(session, shop, redemption, coupon.id, code, now, expires_at=coupon.expires_at)


def was_refused(
    session: AnySession,
    shop: ShopFacts,
    coupon_id: int,
    reason: str,
    now: datetime,
    again_after: timedelta = REFUSED_AGAIN_AFTER,
) -> None:
    """The store will never take this code. Stock is made anew after a while; a code for one redemption fails it."""
    coupon = session.get_one(Coupon, (shop.id, coupon_id))
    if coupon.redemption_id is not None:
        redemption = issuing.locked(session, shop.id, coupon.redemption_id)
        if _leaves_making(session, coupon, "refused") and redemption.status == "requested":
            issuing.fail(session, shop, redemption, reason, now)
        return
    if _leaves_making(session, coupon, "refused"):
        ask_refill(session, shop.id, coupon.reward_id, again_after)


def is_taken_elsewhere(session: AnySession, shop: ShopFacts, coupon_id: int, now: datetime) -> None:
    """The store has a discount of this code that is not ours: another code takes its place (reliability F-70)."""
    coupon = session.get_one(Coupon, (shop.id, coupon_id))
    if coupon.redemption_id is None:
        if _leaves_making(session, coupon, "refused"):
            ask_refill(session, shop.id, coupon.reward_id)
        return
    redemption = issuing.locked(session, shop.id, coupon.redemption_id)
    if not _leaves_making(session, coupon, "refused") or redemption.status != "requested":
        return
    assert coupon.worth is not None
    is_card = coupon.worth["kind"] == GIFT_CARD
    redemption.coupon_id, code = make_for(
        session,
        shop,
        coupon.reward_id,
        redemption.id,
        prefix=coupon.code[:-_RANDOM_CHARACTERS] if is_card else coupon.code.rsplit("-", maxsplit=3)[0],
        worth=coupon.worth,
        expires_at=coupon.expires_at,
        now=now,
    )
    if not is_card:  # that has its code once it is there
        redemption.code = code


def disable(session: AnySession, shop: ShopFacts, coupon_id: int, redemption_id: int | None = None) -> bool:
    """Have the code stop working. True if it has already; otherwise the store is told and `was_disabled` follows.

    A store that looks codes up finds it disabled from now on. One that was never told of the code need not be told.
    """
    coupon = session.execute(
        select(Coupon)
        .where(Coupon.shop_id == shop.id, Coupon.id == coupon_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).scalar_one()
    if coupon.state in ("disabled", "refused"):
        return True
    is_alone = coupon.redemption_id is not None or coupon.source == "uploaded"
    kind = told_as(shop, is_alone=is_alone, worth=coupon.worth)
    if kind is None or (coupon.state == "making" and _take_from_outbox(session, shop.id, coupon_id)):
        coupon.state = "disabled"
        session.flush()
        return True
    if coupon.state != "disabling":
        coupon.state = "disabling"
        session.flush()
        outbox.put(
            session,
            shop.id,
            kind,
            f"discount:{coupon_id}:disable:{uuid4().hex[:8]}",
            {"coupon_id": coupon_id, "redemption_id": redemption_id, "disable": True},
        )
    return False


def was_disabled(session: AnySession, shop: ShopFacts, coupon_id: int) -> None:
    """The store has said that the code works no more. The caller holds its redemption, if it has one."""
    session.execute(
        text("update coupon set state = 'disabled' where shop_id = :shop and id = :id and state = 'disabling'"),
        {"shop": shop.id, "id": coupon_id},
    )


def cannot_be_disabled(session: AnySession, shop: ShopFacts, coupon_id: int) -> None:
    """The store refuses to disable the code: it may still work."""
    session.execute(
        text("update coupon set state = 'ready' where shop_id = :shop and id = :id and state = 'disabling'"),
        {"shop": shop.id, "id": coupon_id},
    )


def make_again(session: AnySession, shop: ShopFacts, coupon_ids: list[int]) -> int:
    """Have codes of ours made again, with the same letters, that the store has lost. Whoever has one keeps it meanwhile.
    How many were not under way yet. Money is never made again."""
    rows: Any = session.execute(
        text(
            "select id, redemption_id is not null as is_alone from coupon where shop_id = :shop and id = any(:ids)"
            " and source = 'made' and state = 'ready' and not worth ->> 'kind' = any(:money) order by id"
        ),
        {"shop": shop.id, "ids": coupon_ids, "money": list(MONEY_KINDS)},
    ).all()
    session.execute(
        text("delete from outbox where shop_id = :shop and key = any(:keys) and state <> 'waiting'"),
        {"shop": shop.id, "keys": [again_key(row.id) for row in rows]},
    )
    asked = 0
    for is_alone in (False, True):
        kind = told_as(shop, is_alone=is_alone)
        some = [
            (shop.id, again_key(row.id), {"coupon_id": row.id, "again": True})
            for row in rows
            if row.is_alone == is_alone
        ]
        asked += 0 if kind is None else outbox.put_all(session, kind, some)
    return asked


def again_key(coupon_id: int) -> str:
    """The outbox's name for telling the store of a code that it had and has lost."""
    return f"discount:{coupon_id}:again"


def does_not_work(session: AnySession, shop_id: int, coupon_id: int) -> None:
    """The store has lost this code and will not have it again. If nobody has it yet, nobody gets it."""
    reward_id = session.execute(
        text(
            "with gone as (delete from coupon_free f using coupon c where c.shop_id = :shop and c.id = :id"
            " and f.shop_id = c.shop_id and f.reward_id = c.reward_id and f.coupon_id = c.id returning f.reward_id)"
            " update coupon c set state = 'refused' from gone where c.shop_id = :shop and c.id = :id returning c.reward_id"
        ),
        {"shop": shop_id, "id": coupon_id},
    ).scalar()
    if reward_id is not None:
        ask_refill(session, shop_id, reward_id, REFUSED_AGAIN_AFTER)


def _take_from_outbox(session: AnySession, shop_id: int, coupon_id: int) -> bool:
    """Call off telling the store of a code; False if somebody has tried to already."""
    return bool(
        session.execute(
            text(
                "update outbox set state = 'done', done_at = :wall, last_error = 'called off before it was sent'"
                " where shop_id = :shop and key = :key and state = 'waiting' and attempts = 0 returning 1"
            ),
            {"shop": shop_id, "key": create_key(coupon_id), "wall": clock.wall()},
        ).scalar()
    )


def _leaves_making(session: AnySession, coupon: Coupon, state: str) -> bool:
    """Note what became of a code that was being made; False if something else did already."""
    changed = session.execute(
        text("update coupon set state = :state where shop_id = :shop and id = :id and state = 'making' returning 1"),
        {"state": state, "shop": coupon.shop_id, "id": coupon.id},
    ).scalar()
    return bool(changed)


def _hand_out(
    session: AnySession,
    shop: ShopFacts,
    reward_id: int,
    waiting: list[Redemption],
    codes: list[tuple[int, str]],
    now: datetime,
) -> int:
    """Codes that can be used, to those who wait for one; the rest is stock. How many were served."""
    for redemption, (coupon_id, code) in zip(waiting, codes, strict=False):
        issuing.issue(session, shop, redemption, coupon_id, code, now)
    if len(codes) > len(waiting):
        _set_free(session, shop.id, reward_id, codes[len(waiting) :])
    return min(len(waiting), len(codes))


def take_free(session: AnySession, shop_id: int, reward_id: int) -> tuple[int, str] | None:
    """One code that can be used: its id and the code; None without stock. The caller holds the reward."""
    return next(iter(_pop(session, shop_id, reward_id, 1)), None)


def _pop(session: AnySession, shop_id: int, reward_id: int, most: int) -> list[tuple[int, str]]:
    rows = session.execute(
        text(
            "delete from coupon_free f using ("
            " select c.shop_id, c.reward_id, c.coupon_id from coupon_free c where c.shop_id = :shop and"
            " c.reward_id = :reward order by c.coupon_id limit :most for update skip locked) o"
            " where f.shop_id = o.shop_id and f.reward_id = o.reward_id and f.coupon_id = o.coupon_id"
            " returning f.coupon_id, f.code"
        ),
        {"shop": shop_id, "reward": reward_id, "most": most},
    )
    return [(row.coupon_id, row.code) for row in rows]


def _insert(
    session: AnySession,
    shop_id: int,
    reward_id: int,
    codes: list[str],
    source: str,
    state: str,
    worth: dict[str, Any] | None,
    now: datetime,
) -> list[tuple[int, str]]:
    """Write codes down, but none that is known in the shop already: (id, code) of the new ones, in order."""
    rows = session.execute(
        text(
            "insert into coupon (shop_id, reward_id, code, source, state, worth, created_at)"
            " select :shop, :reward, code, :source, :state, cast(:worth as jsonb), :now"
            " from unnest(cast(:codes as text[])) with ordinality as t (code, place) order by place"
            " on conflict (shop_id, upper(code)) do nothing returning id, code"
        ),
        {
            "shop": shop_id,
            "reward": reward_id,
            "codes": codes,
            "source": source,
            "state": state,
            "worth": None if worth is None else orjson.dumps(worth).decode(),
            "now": now,
        },
    )
    return [(row.id, row.code) for row in rows]


def _set_free(session: AnySession, shop_id: int, reward_id: int, coupons: list[tuple[int, str]]) -> None:
    session.execute(
        text(
            "insert into coupon_free (shop_id, reward_id, coupon_id, code)"
            " select :shop, :reward, id, code from unnest(cast(:ids as bigint[]), cast(:codes as text[])) as t (id, code)"
        ),
        {
            "shop": shop_id,
            "reward": reward_id,
            "ids": [coupon_id for coupon_id, _ in coupons],
            "codes": [code for _, code in coupons],
        },
    )
