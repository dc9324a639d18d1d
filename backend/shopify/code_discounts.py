"""The discounts that our codes have at Shopify: one for all codes of a reward that are worth the same (`shopify_discount`),
and one of its own for each code that was made for one redemption.

Two workers may fill the same discount at the same time, and each may be killed at any moment. The discount is made with a
code that stands in its row before Shopify is asked (`first_code`), so both ask for the same one, and Shopify has it once.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.loyalty.coupons import coupons
from backend.loyalty.coupons.coupons import TAKEN
from backend.platforms.base import Never, TryAgain
from backend.platforms.shopify import discounts as words
from backend.platforms.shopify.discounts import MOST_CODES, Reference
from backend.shopify import discounts
from backend.shopify.discounts import CodeTaken, Gone, Line, RedeemCode

USED = "The code has been used at Shopify."
UNKNOWN = "Shopify has no such code: it may still work elsewhere."
LOOKED_UP_ALONE = 5
"""So many codes are looked up one by one; of more, the discount's codes are read."""
NEWEST_PAGES = 4
"""What an attempt before may have added is among the newest codes; what is not found there is looked up."""

Outcomes = dict[int, Exception | None]
"""What became of the code of each coupon: None, or TryAgain or Never."""


@dataclass(frozen=True)
class Shared:
    """The codes of a reward that are worth the same."""

    shop_id: int
    reward_id: int
    name: str
    worth: Mapping[str, Any]

    @property
    def reference(self) -> Reference:
        return Reference(self.shop_id, reward_id=self.reward_id, worth=words.digest(self.worth))


@dataclass(frozen=True)
class Code:
    """A coupon's code. `holder`: the redemption that it is to be taken from."""

    coupon_id: int
    code: str
    holder: int | None = None


@dataclass(frozen=True)
class Alone:
    """A code that has a discount to itself. `is_ours`: we made it; else it stands in one of the merchant's own."""

    shop_id: int
    coupon_id: int
    code: str
    holder: int | None
    is_ours: bool = True

    @property
    def reference(self) -> Reference:
        return Reference(self.shop_id, coupon_id=self.coupon_id)


# A discount of its own ------------------------------------------------------------------------------------------------


def make_alone(
    line: Line,
    which: Alone,
    *,
    name: str,
    worth: Mapping[str, Any],
    made_at: datetime,
    customer_id: str | None,
    ends_at: datetime | None,
) -> None:
    """Have Shopify take this code from that customer alone, once. Raises TryAgain, Never(TAKEN), Never."""
    creation = words.creation(
        worth,
        title=words.title(name, which.reference),
        code=which.code,
        made_at=made_at,
        customer_id=customer_id,
        ends_at=ends_at,
    )
    try:
        discounts.make(line, creation, which.reference)
    except CodeTaken:
        raise Never(TAKEN) from None


def disable_alone(line: Line, which: Alone) -> None:
    """Have Shopify take the code no more. Raises TryAgain; Never if somebody has used it, or if it is not ours and Shopify
    does not know it. The discount is deleted by the next comparison (`code_audit.py`)."""
    found = discounts.find(line, which.code)
    if found is None:
        if which.is_ours:
            return
        raise Never(UNKNOWN)
    if which.holder is not None and found.code is not None and found.code.uses > 0:
        raise Never(USED)
    if found.codes <= 1 or which.reference.names_the_same(found.reference):
        discounts.deactivate(line, found.gid)
    else:  # one of many of the merchant's own
        code = found.code or _read(line, found.gid, {which.code.upper()}).get(which.code.upper())
        if code is not None:
            discounts.remove(line, found.gid, [code])


# A discount for many ----------------------------------------------------------------------------------------------------


def add(line: Line, shared: Shared, codes: Sequence[Code], *, is_repeated: bool) -> Outcomes:
    """Have Shopify take these codes, each once. `is_repeated`: some of them may be there from an attempt before."""
    outcomes: Outcomes = {}
    left = {each.code.upper(): each for each in codes}
    try:
        try:
            _add(line, shared, left, outcomes, is_repeated)
        except Gone:  # the merchant has deleted it: another one takes its place
            _add(line, shared, left, outcomes, is_repeated)
    except Gone:
        _rest(outcomes, left, TryAgain("The discount was deleted at Shopify while it was filled."))
    except (TryAgain, Never) as failure:
        _rest(outcomes, left, failure)
    return outcomes


def _rest(outcomes: Outcomes, left: Mapping[str, Code], failure: Exception) -> None:
    outcomes.update({each.coupon_id: failure for each in left.values()})


def _add(line: Line, shared: Shared, left: dict[str, Code], outcomes: Outcomes, is_repeated: bool) -> None:
    gid = _discount(line, shared, left, outcomes)
    if gid is None:
        return
    try:
        if is_repeated and left:
            _settle_those_there(line, gid, left, outcomes)
        while left:
            some = [each.code for each in islice(left.values(), MOST_CODES)]
            errors = discounts.add(line, gid, some)
            refused = {}
            for code in (each.upper() for each in some):
                if errors.get(code, {}) is None:
                    outcomes[left.pop(code).coupon_id] = None
                elif code in errors:
                    refused[code] = (left[code], errors[code] or {})
            if not refused and errors.keys().isdisjoint(code.upper() for code in some):
                raise TryAgain("Shopify did not say what became of the codes.")
            _judge(line, shared, gid, refused, left, outcomes)
    except Gone:
        _forget(shared, gid)
        raise


def _settle_those_there(line: Line, gid: str, left: dict[str, Code], outcomes: Outcomes) -> None:
    for page in islice(discounts.pages(line, gid), NEWEST_PAGES):
        for each in page:
            if (known := left.pop(each.code.upper(), None)) is not None:
                outcomes[known.coupon_id] = None
        if not left:
            return


def _judge(
    line: Line,
    shared: Shared,
    gid: str,
    refused: Mapping[str, tuple[Code, Mapping[str, Any]]],
    left: dict[str, Code],
    outcomes: Outcomes,
) -> None:
    """What Shopify did not take may have come with an answer that was lost: whoever has the code decides."""
    if len(refused) > LOOKED_UP_ALONE:
        _settle_those_there(line, gid, left, outcomes)
    for code, (which, error) in refused.items():
        if code not in left:
            continue
        found = discounts.find(line, which.code)
        if found is not None and (found.gid == gid or shared.reference.names_the_same(found.reference)):
            outcomes[which.coupon_id] = None
        elif found is not None:
            outcomes[which.coupon_id] = Never(TAKEN)
        elif error.get("code") in ("TAKEN", "INTERNAL_ERROR", None):
            outcomes[which.coupon_id] = TryAgain(words.said(error, which.code))
        else:
            outcomes[which.coupon_id] = Never(words.said(error, which.code))
        del left[code]


def _discount(line: Line, shared: Shared, left: dict[str, Code], outcomes: Outcomes) -> str | None:
    """The discount for these codes, made if need be with one of them. None if none is left to make it with."""
    while left:
        first = next(iter(left.values()))
        row = _row(shared, first.code)
        if row.gid is not None:
            return str(row.gid)
        first = left.get(row.first_code.upper(), first)
        if first.code != row.first_code:
            # It was to be made with a code that is not among these.
            found = discounts.find(line, row.first_code)
            if found is not None and shared.reference.names_the_same(found.reference):
                return _keep(shared, row.first_code, found.gid)
            if _is_being_made(shared.shop_id, row.first_code):
                raise TryAgain("The discount is being made.")
            _begin_with(shared, row.first_code, first.code)
            continue
        creation = words.creation(
            shared.worth, title=words.title(shared.name, shared.reference), code=first.code, made_at=row.created_at
        )
        try:
            gid = discounts.make(line, creation, shared.reference)
        except CodeTaken:
            outcomes[left.pop(first.code.upper()).coupon_id] = Never(TAKEN)
            if left:
                _begin_with(shared, first.code, next(iter(left.values())).code)
            continue
        outcomes[left.pop(first.code.upper()).coupon_id] = None
        return _keep(shared, first.code, gid)
    return None


def _row(shared: Shared, first_code: str) -> Any:
    """The discount's row; a new one names the code that it is to be made with."""
    with transaction() as session:
        session.execute(
            text(
                "insert into shopify_discount (shop_id, reward_id, worth, first_code, created_at)"
                " values (:shop, :reward, :worth, :code, :wall) on conflict (shop_id, reward_id, worth) do nothing"
            ),
            {**_which(shared), "code": first_code, "wall": clock.wall()},
        )
        return session.execute(
            text(
                "select gid, first_code, created_at from shopify_discount"
                " where shop_id = :shop and reward_id = :reward and worth = :worth"
            ),
            _which(shared),
        ).one()


def _keep(shared: Shared, first_code: str, gid: str) -> str:
    """Note the discount that was made with this code, and say which one is to be filled.

    That is another one if we slept for so long that another code was put in our code's place: then ours has one code, which
    works as well as those of the other.
    """
    with transaction() as session:
        session.execute(
            text(
                "update shopify_discount set gid = :gid, problem = null where shop_id = :shop and reward_id = :reward"
                " and worth = :worth and first_code = :code and gid is null"
            ),
            {**_which(shared), "gid": gid, "code": first_code},
        )
        kept = session.execute(
            text(
                "select gid from shopify_discount where shop_id = :shop and reward_id = :reward and worth = :worth"
                " and gid is not null"
            ),
            _which(shared),
        ).scalar()
    if kept is None:
        raise TryAgain("The discount is being made.")
    return str(kept)


def _begin_with(shared: Shared, instead_of: str, code: str) -> None:
    with transaction() as session:
        session.execute(
            text(
                "update shopify_discount set first_code = :code where shop_id = :shop and reward_id = :reward"
                " and worth = :worth and first_code = :before and gid is null"
            ),
            {**_which(shared), "code": code, "before": instead_of},
        )


def _forget(shared: Shared, gid: str) -> None:
    """The discount is gone at Shopify. What else was in it is found missing by the next comparison, soon."""
    with transaction() as session:
        session.execute(
            text(
                "delete from shopify_discount where shop_id = :shop and reward_id = :reward and worth = :worth"
                " and gid = :gid"
            ),
            {**_which(shared), "gid": gid},
        )
        session.execute(
            text("update shopify_shop set codes_next_at = :wall where shop_id = :shop and state = 'installed'"),
            {"shop": shared.shop_id, "wall": clock.wall()},
        )


def _is_being_made(shop_id: int, code: str) -> bool:
    """Whether somebody makes this code, or will."""
    with transaction() as session:
        coupon_id = session.execute(
            text("select id from coupon where shop_id = :shop and upper(code) = upper(:code)"),
            {"shop": shop_id, "code": code},
        ).scalar()
        if coupon_id is None:
            return False
        keys = [coupons.create_key(coupon_id), coupons.again_key(coupon_id)]
        return bool(
            session.execute(
                text("select 1 from outbox where shop_id = :shop and key = any(:keys) and state = 'waiting'"),
                {"shop": shop_id, "keys": keys},
            ).first()
        )


# Taking codes away ------------------------------------------------------------------------------------------------------


def disable(line: Line, shared: Shared, codes: Sequence[Code]) -> Outcomes:
    """Have Shopify take these codes no more; the discount goes with the last of them. One that its holder has used already
    is Never(USED), and one that is not there is done."""
    outcomes: Outcomes = {}
    left = {each.code.upper(): each for each in codes}
    try:
        if all(each.holder is None for each in codes) and _drop(line, shared, codes):
            return {each.coupon_id: None for each in codes}
        _disable(line, shared, left, outcomes)
        _drop(line, shared, [each for each in codes if outcomes[each.coupon_id] is None])
    except (TryAgain, Never) as failure:
        _rest(outcomes, left, failure)
    return outcomes


def _disable(line: Line, shared: Shared, left: dict[str, Code], outcomes: Outcomes) -> None:
    found, gone = _where(line, shared, left)
    for code in gone:
        outcomes[left.pop(code).coupon_id] = None
    for gid, codes in found.items():
        removed = []
        for code, each in codes.items():
            if each.uses > 0 and left[code].holder is not None:
                outcomes[left.pop(code).coupon_id] = Never(USED)
            else:
                removed.append(each)
        if removed:
            discounts.remove(line, gid, removed)
        for each in removed:
            outcomes[left.pop(each.code.upper()).coupon_id] = None
    if left:
        raise TryAgain(discounts.NOT_IN_TIME)


def _where(line: Line, shared: Shared, wanted: Mapping[str, Code]) -> tuple[dict[str, dict[str, RedeemCode]], set[str]]:
    """Those of the codes that Shopify has, by the discount that has them, and those that it has not; one that it knows and
    does not show in its discount is neither. Looks no longer than half of the time that is left: the other half is for taking
    away what was found."""
    until = (time.monotonic() + line.ends_at) / 2
    found: dict[str, dict[str, RedeemCode]] = {}
    missing = set(wanted)
    if len(missing) > LOOKED_UP_ALONE and (gid := _known(shared)) is not None:
        found[gid] = _read(line, gid, missing, NEWEST_PAGES)
        missing -= found[gid].keys()
    gone = set()
    for code in missing:
        if time.monotonic() >= until:
            break
        node = discounts.find(line, wanted[code].code)
        each = None if node is None else node.code or _read(line, node.gid, {code}).get(code)
        if node is not None and each is not None:
            # Whatever the title says by now: nobody else makes a code of these letters.
            found.setdefault(node.gid, {})[code] = each
        elif node is None:
            gone.add(code)
    return found, gone


def _read(line: Line, gid: str, wanted: set[str], most_pages: int | None = None) -> dict[str, RedeemCode]:
    """Those of the codes that the discount has. Reads no more pages than it must, and no more than it may."""
    found: dict[str, RedeemCode] = {}
    try:
        for page in islice(discounts.pages(line, gid), most_pages):
            found.update({each.code.upper(): each for each in page if each.code.upper() in wanted})
            if len(found) == len(wanted):
                break
    except Gone:
        pass
    return found


def _known(shared: Shared) -> str | None:
    with transaction() as session:
        gid: str | None = session.execute(
            text("select gid from shopify_discount where shop_id = :shop and reward_id = :reward and worth = :worth"),
            _which(shared),
        ).scalar()
    return gid


def _drop(line: Line, shared: Shared, codes: Sequence[Code]) -> bool:
    """Delete the whole discount if no other code is in it, made or on its way. Whether it was.

    Whoever makes a code has written it down before: from then on nobody drops the discount, and whoever comes later finds
    its row gone and makes another one.
    """
    with transaction() as session:
        row: Any = session.execute(
            text(
                """
                delete from shopify_discount d
                where shop_id = :shop and reward_id = :reward and worth = :worth and gid is not null and not exists (
                    select 1 from coupon c where c.shop_id = :shop and c.reward_id = :reward and c.source = 'made'
                        and c.redemption_id is null and c.worth = cast(:document as jsonb)
                        and c.state in ('making', 'ready', 'disabling') and c.id <> all(:coupons))
                returning gid, first_code, created_at
                """
            ),
            {
                **_which(shared),
                "document": orjson.dumps(dict(shared.worth)).decode(),
                "coupons": [each.coupon_id for each in codes],
            },
        ).one_or_none()
    if row is None:
        return False
    try:
        discounts.delete(line, row.gid)
    except (TryAgain, Never):
        _put_back(shared, row)
        raise
    return True


def _put_back(shared: Shared, row: Any) -> None:
    """It is still there, and the next attempt is to find it; unless another one has taken its place meanwhile."""
    with transaction() as session:
        session.execute(
            text(
                "insert into shopify_discount (shop_id, reward_id, worth, first_code, gid, created_at)"
                " values (:shop, :reward, :worth, :code, :gid, :at) on conflict (shop_id, reward_id, worth) do nothing"
            ),
            {**_which(shared), "code": row.first_code, "gid": row.gid, "at": row.created_at},
        )


def _which(shared: Shared) -> dict[str, Any]:
    return {"shop": shared.shop_id, "reward": shared.reward_id, "worth": words.digest(shared.worth)}
