"""What the ledger check asks of the sums that reports read: that they are what they sum, in the shop's zone."""

from backend.ledger.question import Question

DAY_QUESTIONS = (
    Question(
        9,  # days and what has not been moved into them yet; visits are known by their sums alone
        """
        select shop_id, null::bigint as member_id, format('for %s the sums of %s (%s) say %s points in %s, and there are %s'
            ' in %s', day, what, key, sum(kept_points), sum(kept_number), sum(points), sum(number)) as what
        from (
            select shop_id, what, day, key, number as kept_number, points as kept_points, 0 as number, 0 as points
            from day_sum where what <> 'visit'
            union all
            select shop_id, what, day, key, number, points, 0, 0 from sum_change where what <> 'visit'
            union all
            select s.id, n.what, n.day, n.key, 0, 0, n.number, n.points
            from shop s cross join lateral sums_of(s.id, s.timezone) n
        ) both_sides
        group by shop_id, what, day, key
        having (sum(kept_number), sum(kept_points)) is distinct from (sum(number), sum(points))
        """,
    ),
    Question(
        9,  # months are their days
        """
        select shop_id, null::bigint as member_id, format('the month of %s sums %s (%s) to %s points in %s, its days to %s'
            ' in %s', month, what, key, sum(month_points), sum(month_number), sum(points), sum(number)) as what
        from (
            select shop_id, what, month, key, number as month_number, points as month_points, 0 as number, 0 as points
            from month_sum
            union all
            select shop_id, what, cast(date_trunc('month', day) as date), key, 0, 0, number, points from day_sum
        ) both_sides
        group by shop_id, what, month, key
        having (sum(month_number), sum(month_points)) is distinct from (sum(number), sum(points))
        """,
    ),
)
