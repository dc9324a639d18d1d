"""What the ledger check asks of redemptions and coupons (design section 4, invariants 6 and 7)."""

from backend.ledger.question import Question

_ENDED = """
        select r.shop_id, r.id, e.kind,
            bool_or(a.kind = 'capture') as captured, bool_or(a.kind = 'release') as released,
            bool_or(a.kind = 'return') as returned
        from redemption r
        join entry e on e.shop_id = r.shop_id and e.id = r.entry_id
        left join entry a on a.shop_id = e.shop_id and a.answers_entry_id = e.id
            and a.kind in ('capture', 'release', 'return')
        group by r.shop_id, r.id, e.kind
"""
"""What became of the hold or spend that a redemption's points stand in."""

_IS_MONEY = "r.frozen -> 'worth' ->> 'kind' in ('gift_card', 'store_credit')"
"""A gift card's code is the redemption's once the store has it; of store credit no redemption has one."""

REWARD_QUESTIONS = (
    Question(
        6,  # a hold ends by its limit: nobody waits for longer
        """
        select shop_id, member_id, format('redemption %s should have been let go at %s', id, hold_until) as what
        from redemption where status = 'requested' and ending is null and hold_until < :overdue_since
        """,
    ),
    Question(
        6,  # what is to end waits for nothing but its code's disabling, and that is on its way
        """
        select r.shop_id, r.member_id, format('redemption %s is to be %s, and nobody disables its code', r.id, r.ending)
            as what
        from redemption r
        where r.ending is not null and not exists (
            select 1 from outbox o where o.shop_id = r.shop_id and o.state = 'waiting'
                and o.kind in ('discount', 'shopify_code', 'shopify_discount', 'shopify_gift_card', 'shopify_store_credit')
                and o.payload @> jsonb_build_object('coupon_id', r.coupon_id, 'disable', true))
        """,
    ),
    Question(
        6,  # the points stand where the status says
        f"""
        select r.shop_id, r.member_id, format('redemption %s is %s, its %s points were %s', r.id, r.status, r.points,
            case when e.kind is null then 'never taken' else concat_ws(', ', case e.kind when 'hold' then 'held'
                when 'spend' then 'spent' else e.kind end, case when e.captured then 'captured' end,
                case when e.released then 'released' end, case when e.returned then 'returned' end) end) as what
        from redemption r
        left join ({_ENDED}) e on e.shop_id = r.shop_id and e.id = r.id
        where (r.points > 0) <> (e.kind is not null) or e.kind not in ('hold', 'spend')
            or e.kind is not null and not case r.status
            when 'requested' then e.kind = 'hold' and e.captured is not true and e.released is not true
            when 'issued' then (e.kind = 'spend' or e.captured) and e.returned is not true
            when 'returned' then coalesce(e.released, false) or coalesce(e.returned, false)
            when 'failed' then coalesce(e.released, false)
            when 'expired' then case when r.frozen ->> 'type' = 'cashback' then coalesce(e.released, false)
                else coalesce(e.returned, false) = coalesce((r.frozen ->> 'points_back')::boolean, false)
                    or e.returned is not true and r.problem is not null and {_IS_MONEY} end -- it was not taken back
            end
        """,  # noqa: S608 - our own words
    ),
    Question(
        6,  # a redemption costs its owner its price, once
        """
        select r.shop_id, r.member_id, format('redemption %s costs %s points, entry %s took %s of member %s', r.id, r.points,
            e.id, e.points + coalesce(w.points, 0), e.member_id) as what
        from redemption r
        join entry e on e.shop_id = r.shop_id and e.id = r.entry_id
        left join entry w on w.shop_id = e.shop_id and w.source_key = e.source_key || '\\:owed' and w.id <> e.id
        where e.member_id <> r.member_id and not exists (
                select 1 from member m where m.shop_id = e.shop_id and m.id = e.member_id and m.merged_into = r.member_id)
            or e.points + coalesce(w.points, 0) <> r.points
        """,
    ),
    Question(
        6,  # what was earned cost nothing
        """
        select shop_id, member_id, format('redemption %s was earned and costs %s points', id, points) as what
        from redemption where origin = 'earned' and (points <> 0 or entry_id is not null)
        """,
    ),
    Question(
        6,  # what was taken for a redemption before came back before it was taken again
        """
        select e.shop_id, e.member_id, format('entry %s took %s points for %s, which stands in another entry', e.id,
            e.points, split_part(e.source_key, '\\:', 1) || ' ' || split_part(e.source_key, '\\:', 2)) as what
        from entry e
        left join redemption r on r.shop_id = e.shop_id and r.entry_id = e.id
        where e.kind in ('hold', 'spend') and e.source_key like 'redemption\\:%' and e.source_key not like '%\\:owed'
            and r.id is null and not exists (
                select 1 from entry a where a.shop_id = e.shop_id and a.answers_entry_id = e.id
                    and a.kind in ('release', 'return'))
        """,
    ),
    Question(
        7,  # a code is one person's
        """
        select shop_id, min(member_id) as member_id, format('a code belongs to %s redemptions: %s', count(*),
            string_agg(id::text, ', ' order by id)) as what
        from redemption where code is not null group by shop_id, upper(code) having count(*) > 1
        """,
    ),
    Question(
        7,  # what a redemption says of its code is what the code says of itself
        f"""
        select r.shop_id, r.member_id, format('redemption %s has coupon %s, which is another code or reward', r.id, c.id)
            as what
        from redemption r join coupon c on c.shop_id = r.shop_id and c.id = r.coupon_id
        where c.reward_id <> r.reward_id or c.redemption_id <> r.id or c.code is distinct from r.code
            and not (r.code is null and {_IS_MONEY} and (r.issued_at is null or c.worth ->> 'kind' = 'store_credit'))
        """,  # noqa: S608
    ),
    Question(
        7,  # one live code at a time
        """
        select c.shop_id, r.member_id, format('redemption %s has live codes besides its own: coupon %s is %s', r.id, c.id,
            c.state) as what
        from coupon c join redemption r on r.shop_id = c.shop_id and r.id = c.redemption_id
        where c.state in ('making', 'ready') and r.coupon_id is distinct from c.id
        """,
    ),
    Question(
        7,  # a code works no more before its points are back, unless the store would not have it so
        f"""
        select r.shop_id, r.member_id, format('redemption %s is %s and its points are back, its code is %s', r.id, r.status,
            c.state) as what
        from redemption r
        join coupon c on c.shop_id = r.shop_id and c.id = r.coupon_id
        left join ({_ENDED}) e on e.shop_id = r.shop_id and e.id = r.id
        where r.status in ('returned', 'failed', 'expired') and (e.released or e.returned or e.kind is null)
            and c.state in ('making', 'ready', 'disabling') and r.problem is null
        """,  # noqa: S608
    ),
    Question(
        7,  # a code is worth what was promised for it
        """
        select r.shop_id, r.member_id, format('redemption %s was promised %s, its code is worth %s', r.id,
            case when r.discount is null then r.frozen ->> 'worth' else r.discount::text end, c.worth) as what
        from redemption r join coupon c on c.shop_id = r.shop_id and c.id = r.coupon_id and c.source = 'made'
        where case when r.discount is null then c.worth is distinct from nullif(r.frozen -> 'worth', 'null')
            else (c.worth ->> 'value')::numeric is distinct from r.discount end
        """,
    ),
    Question(
        7,  # what is free can be given to anybody
        """
        select f.shop_id, null\\:\\:bigint as member_id, format('coupon %s is free and %s', f.coupon_id, case
            when c.id is null then 'not there' when r.id is not null then 'belongs to a redemption'
            when c.state <> 'ready' then c.state else 'another code, reward or worth' end) as what
        from coupon_free f
        left join coupon c on c.shop_id = f.shop_id and c.id = f.coupon_id
        left join reward w on w.shop_id = f.shop_id and w.id = f.reward_id
        left join redemption r on r.shop_id = f.shop_id and upper(r.code) = upper(f.code)
        where c.id is null or r.id is not null or c.state <> 'ready' or c.redemption_id is not null or c.code <> f.code
            or c.reward_id <> f.reward_id or c.source = 'made' and c.worth is distinct from w.worth
        """,
    ),
    Question(
        7,  # no code that works is lost
        """
        select c.shop_id, null\\:\\:bigint as member_id, format('coupon %s is ready, and is neither free nor with anybody',
            c.id) as what
        from coupon c
        left join coupon_free f on f.shop_id = c.shop_id and f.reward_id = c.reward_id and f.coupon_id = c.id
        left join redemption r on r.shop_id = c.shop_id and upper(r.code) = upper(c.code)
        where c.state = 'ready' and f.coupon_id is null and r.id is null and not exists (
            select 1 from redemption o where o.shop_id = c.shop_id and o.id = c.redemption_id and o.coupon_id = c.id)
        """,
    ),
    Question(
        7,  # where there is a limit, what was had is counted
        """
        select w.shop_id, null\\:\\:bigint as member_id, format('reward %s says that %s of %s were had, and %s were', w.id,
            w.taken, w.limit_total, coalesce(r.had, 0)) as what
        from reward w
        left join (
            select shop_id, reward_id, count(*) as had from redemption
            where status in ('requested', 'issued', 'expired')
                and not (status = 'expired' and coalesce(frozen ->> 'type', '') = 'cashback')
            group by shop_id, reward_id
        ) r on r.shop_id = w.shop_id and r.reward_id = w.id
        where w.limit_total is not null and w.taken <> coalesce(r.had, 0)
        """,
    ),
)
