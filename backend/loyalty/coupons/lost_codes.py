"""Codes at Shopify that do not work and do not mend themselves: for the gap report. `shopify/code_audit.py` finds them."""

from collections.abc import Iterable

from sqlalchemy import text

from backend.loyalty.deliveries.gap_report import MOST, Finding, Looking


def lost_codes(looking: Looking) -> Iterable[Finding]:
    """Discounts that were switched off, then what members have and Shopify does not: codes that it has lost and will not
    have again, and gift cards that are gone or switched off."""
    off = looking.session.execute(
        text(
            "select w.name, d.problem from shopify_discount d"
            " join reward w on w.shop_id = d.shop_id and w.id = d.reward_id"
            " where d.shop_id = :shop and d.problem is not null order by d.id desc limit :most"
        ),
        {"shop": looking.shop.id, "most": MOST + 1},
    )
    for row in off:
        yield Finding("code_lost", row.name, row.problem, None)
    lost = looking.session.execute(
        text(
            "select c.code, w.name, o.last_error, o.created_at from outbox o"
            " join coupon c on c.shop_id = o.shop_id and c.id = cast(o.payload ->> 'coupon_id' as bigint)"
            " join reward w on w.shop_id = c.shop_id and w.id = c.reward_id"
            " where o.shop_id = :shop and o.state = 'parked' and o.payload @> '{\"again\": true}' and c.state = 'ready'"
            " order by o.id desc limit :most"
        ),
        {"shop": looking.shop.id, "most": MOST + 1},
    )
    for row in lost:
        said = f"Shopify has lost it and will not have it again. {row.last_error or ''}".strip()
        yield Finding("code_lost", f"{row.code}, {row.name}", said, row.created_at)
    unpaid = looking.session.execute(
        text(
            "select c.code, w.name, p.problem, r.issued_at from shopify_payout p"
            " join coupon c on c.shop_id = p.shop_id and c.id = p.coupon_id"
            " join reward w on w.shop_id = c.shop_id and w.id = c.reward_id"
            " join redemption r on r.shop_id = c.shop_id and r.id = c.redemption_id and r.coupon_id = c.id"
            " where p.shop_id = :shop and p.problem is not null and r.status = 'issued' and r.use_state <> 'used'"
            " order by c.id desc limit :most"
        ),
        {"shop": looking.shop.id, "most": MOST + 1},
    )
    for row in unpaid:
        yield Finding("code_lost", f"{row.code}, {row.name}", row.problem, row.issued_at)
