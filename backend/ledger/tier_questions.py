"""What the ledger check asks of levels and segments: that what is kept is what the entries and orders say.

Members who are due to be looked at are left out where something may have come since: their turn is seconds away.
"""

from collections.abc import Iterator

from backend.ledger.question import Question

_DAY_OF_ENTRY = "(least(cast(e.why ->> 'due_at' as timestamptz), e.at) at time zone s.timezone)\\:\\:date"


def _sums(column: str) -> str:
    return f"""
        select t.shop_id, t.member_id, t.basis, t.value, t.value_before,
            coalesce(sum(d.{column}) filter (where d.day >= t.counts_from), 0) as counted,
            coalesce(sum(d.{column}) filter (where d.day >= t.before_from and d.day < t.counts_from), 0) as counted_before
        from tier_standing t
        left join member_day d on d.shop_id = t.shop_id and d.member_id = t.member_id
        where t.basis = '{column}'
        group by t.shop_id, t.member_id
    """  # noqa: S608 - our own words


def _questions() -> Iterator[Question]:
    yield Question(
        10,  # a day's points are those of its entries, less what expired of orders that were taken back
        f"""
        select shop_id, member_id, format('the points that count on %s are %s, the entries say %s', day,
            coalesce(sum(kept), 0), coalesce(sum(said), 0)) as what
        from (
            select d.shop_id, d.member_id, d.day, d.points_earned as kept, 0 as said from member_day d
            union all
            select c.shop_id, c.member_id, c.day, c.expired_points, 0 from counted_order c
            union all
            select e.shop_id, coalesce(m.merged_into, e.member_id), {_DAY_OF_ENTRY}, 0,
                case e.kind when 'post' then e.points else -e.points end
            from tier_standing t
            join shop s on s.id = t.shop_id
            join member m on m.shop_id = t.shop_id and m.id = t.member_id
            join entry e on e.shop_id = t.shop_id and e.member_id = t.member_id and e.id <= t.counted_entry_id
                and e.kind in ('post', 'claw_back')
        ) sums
        group by shop_id, member_id, day having sum(kept) <> sum(said)
        """,  # noqa: S608 - our own words
    )
    yield Question(
        10,  # a day's money and orders are those of the orders that count on it
        """
        select shop_id, member_id, format('%s and %s orders count on %s, the orders say %s and %s', sum(spend), sum(orders),
            day, sum(said), sum(said_orders)) as what
        from (
            select shop_id, member_id, day, spend, orders, 0 as said, 0 as said_orders from member_day
            union all
            select shop_id, member_id, day, 0, 0, spend, orders from counted_order
        ) sums
        group by shop_id, member_id, day having sum(spend) <> sum(said) or sum(orders) <> sum(said_orders)
        """,
    )
    yield Question(
        10,  # an order counts for its owner
        """
        select c.shop_id, c.member_id, format('order %s counts here and belongs to member %s', o.id, o.member_id) as what
        from counted_order c join orders o on o.shop_id = c.shop_id and o.id = c.order_id
        where o.member_id is distinct from c.member_id
        """,
    )
    for basis in ("points_earned", "spend", "orders"):
        yield Question(
            10,  # where a member stands is the sum of the days
            f"""
            select shop_id, member_id, format('%s and %s before count as {basis}, the days say %s and %s', value,
                value_before, counted, counted_before) as what
            from ({_sums(basis)}) sums where value <> counted or value_before <> counted_before
            """,  # noqa: S608
        )
    yield Question(
        10,  # whoever has points that are not counted yet is about to be looked at
        """
        select t.shop_id, t.member_id, format('entry %s is not counted towards a level', min(e.id)) as what
        from tier_standing t
        join member m on m.shop_id = t.shop_id and m.id = t.member_id and m.status = 'active'
        join entry e on e.shop_id = t.shop_id and e.member_id = t.member_id and e.id > t.counted_entry_id
            and e.kind in ('post', 'claw_back')
        where t.check_at is null or t.check_at > :now
        group by t.shop_id, t.member_id
        """,
    )
    yield Question(
        10,  # where there are levels everybody stands somewhere
        """
        select m.shop_id, m.id as member_id, format('the shop has levels, and member %s stands nowhere', m.id) as what
        from tier_walk w join member m on m.shop_id = w.shop_id and m.status = 'active'
        left join tier_standing t on t.shop_id = m.shop_id and t.member_id = m.id
        where t.member_id is null and w.walk_at is null
        """,
    )
    yield Question(
        10,  # a member is at the level that was reached or given, or at none
        """
        select m.shop_id, m.id as member_id, format('the member is at %s, reached %s and was given %s',
            coalesce(m.tier, 'no level'), coalesce(t.reached, 'none'), coalesce(t.manual_level, 'none')) as what
        from member m left join tier_standing t on t.shop_id = m.shop_id and t.member_id = m.id
        where m.tier is distinct from t.reached and m.tier is distinct from t.manual_level
        """,
    )
    yield Question(
        10,  # the last change led to where the member is
        """
        select m.shop_id, m.id as member_id, format('the member is at %s, the last change led to %s',
            coalesce(m.tier, 'no level'), coalesce(c.to_level, 'none')) as what
        from member m
        left join lateral (
            select to_level from tier_change c where c.shop_id = m.shop_id and c.member_id = m.id order by id desc limit 1
        ) c on true
        where m.status = 'active' and m.tier is distinct from c.to_level
        """,
    )
    yield Question(
        11,  # a segment is counted
        """
        select g.shop_id, null\\:\\:bigint as member_id, format('segment %s has %s members and says %s', g.id,
            count(s.member_id), g.members_count) as what
        from segment g
        left join segment_member s on s.shop_id = g.shop_id and s.segment_number = g.number
        group by g.shop_id, g.number having count(s.member_id) <> g.members_count
        """,
    )
    yield Question(
        11,  # what a member says of segments is what these say of the member, unless it is about to be judged
        """
        select m.shop_id, m.id as member_id, format('the member says {%s}, the segments say {%s}',
            array_to_string(m.segments, ', '), coalesce(s.ids, '')) as what
        from member m
        left join (
            select s.shop_id, s.member_id, string_agg(g.id, ', ' order by g.id collate "C") as ids
            from segment_member s join segment g on g.shop_id = s.shop_id and g.number = s.segment_number
            group by s.shop_id, s.member_id
        ) s on s.shop_id = m.shop_id and s.member_id = m.id
        where array_to_string(m.segments, ', ') <> coalesce(s.ids, '')
            and not exists (select from segment_due d where d.shop_id = m.shop_id and d.member_id = m.id)
            and not exists (select from segment_walk w where w.shop_id = m.shop_id and w.walk_at <= :now)
        """,
    )


TIER_QUESTIONS = tuple(_questions())
