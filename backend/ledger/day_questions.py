"""What the ledger check asks of the sums by day that reports read: that they are the entries, in the shop's zone."""

from backend.ledger.question import Question

DAY_QUESTIONS = (
    Question(
        9,
        """
        select shop_id, null::bigint as member_id, format('on %s the sums of %s say %s points in %s entries, the entries'
            ' %s in %s', day, kind, coalesce(k.points, 0), coalesce(k.entries, 0), coalesce(e.points, 0),
            coalesce(e.entries, 0)) as what
        from (
            select shop_id, day, kind, sum(points) as points, sum(entries) as entries
            from (select shop_id, day, kind, points, entries from points_day
                union all select shop_id, day, kind, points, entries from points_change) both_kept
            group by shop_id, day, kind
        ) k
        full join (
            select e.shop_id, cast(e.at at time zone s.timezone as date) as day, e.kind, sum(e.points) as points,
                count(*) as entries
            from entry e join shop s on s.id = e.shop_id group by 1, 2, 3
        ) e using (shop_id, day, kind)
        where (k.points, k.entries) is distinct from (e.points, e.entries)
        """,
    ),
)
