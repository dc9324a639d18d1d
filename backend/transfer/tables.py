"""Which tables go out with a shop, and which stay. A new table must be named here: a test sees to it.

What stays are secrets (keys, passwords, endpoints), what is only for a moment (answers that are remembered, hashes of
visitors) and mails that have not gone out: the shop that wrote them still sends them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Taken:
    """One table. `where` leaves rows out; `instead` are columns that go out as something else (SQL)."""

    name: str
    csv: bool = True
    where: str = "true"
    instead: tuple[tuple[str, str], ...] = ()


TAKEN = (
    Taken("program_version"),
    Taken("program_draft", csv=False),
    Taken("installation", csv=False),
    Taken("birthday_round", csv=False),
    Taken("image", csv=False),
    Taken("member"),
    Taken("verified_address", csv=False),
    Taken("tombstone", csv=False),
    Taken("former_address", csv=False),
    Taken("member_block", csv=False),
    Taken("care_action"),
    # whose account somebody has here says nothing there
    Taken("member_note", instead=(("staff_id", "null"),)),
    Taken("former_shop", csv=False),
    Taken("orders"),
    Taken("refund"),
    Taken("account"),
    Taken("award"),
    Taken("entry"),
    # a reminder that stands in the outbox here is written anew there
    Taken("lot", instead=(("reminder", "case reminder when 'queued' then 'waiting' else reminder end"),)),
    Taken("entry_lot"),
    Taken("bonus"),
    Taken("member_event"),
    Taken("reward"),
    Taken("coupon"),
    Taken("coupon_free", csv=False),
    Taken("coupon_refill", csv=False),
    # without it money that the store has paid could not be taken back there, or would be paid twice
    Taken("shopify_payout", csv=False),
    Taken("campaign"),
    Taken("campaign_gift"),
    Taken("redemption"),
    Taken("coupon_use"),
    Taken("referral"),
    Taken("referral_claim"),
    Taken("referral_payout"),
    Taken("same_person", csv=False),
    Taken("tier_walk", csv=False),
    Taken("member_day", csv=False),
    Taken("counted_order", csv=False),
    Taken("tier_standing"),
    Taken("tier_change"),
    Taken("segment"),
    Taken("segment_member"),
    Taken("segment_due", csv=False),
    Taken("segment_walk", csv=False),
    Taken("reward_announcement", csv=False),
    Taken("reward_notice", csv=False),
    Taken("reward_look", csv=False),
    # what was settled, without what it said: so that nothing is handled twice when it comes again
    Taken("delivery", where="next_try_at is null and state <> 'failed'", instead=(("body", "null"),)),
    # discounts that the store still has to be told of
    Taken(
        "outbox",
        csv=False,
        where="kind in ('discount', 'shopify_code', 'shopify_discount', 'shopify_gift_card', 'shopify_store_credit')"
        " and state = 'waiting'",
        instead=(("lease_until", "null"), ("lease_token", "null")),
    ),
)
LEFT = frozenset(
    {
        "api_key",
        "staff",
        "staff_session",
        "team_change",
        # who asked whom of the team that stays here; what became of it stands in the entries, with both names
        "manual_change",
        "approval_limit",
        "remembered_answer",
        "referral_visit",
        "member_connection",
        "transfer",
        "transfer_chunk",
        "transfer_report",
        "widget_sighting",
        # what settings would have made of past orders: worth another run, not a place in an export
        "dry_run",
        "dry_run_move",
        # made again as entries are written
        "day_sum",
        "month_sum",
        "sum_change",
        "active_members",
        # how this place speaks with the shop's platform
        "shopify_shop",
        "shopify_user",
        "shopify_discount",
        "order_look",
        "metafield_run",
        "customer_metafield",
        # who is told of what, from where the shop stands
        "endpoint",
        "outgoing_event",
        "endpoint_message",
        "endpoint_attempt",
    }
)
REPLACED = ("program_version", "birthday_round", "installation", "program_draft")
"""What a new shop has by itself, and what comes in its place."""
SHOP_COLUMNS = ("platform", "name", "domain", "currency", "timezone", "locale", "discounts_url", "created_at")
