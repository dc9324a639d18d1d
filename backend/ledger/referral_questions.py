"""What the ledger check asks of referrals (reliability I-29): nobody is their own friend, no rings, once for life, caps."""

from backend.ledger.question import Question

_LIVE = "state = any ('{qualified,rewarded}'\\:\\:text[])"

REFERRAL_QUESTIONS = (
    Question(
        12,  # an advocate is not the friend
        """
        select shop_id, advocate_id as member_id, format('referral %s is of a member by themselves and is %s', id, state)
            as what
        from referral where advocate_id = friend_id and state <> 'rejected'
        """,
    ),
    Question(
        12,  # a friend is brought once for life
        """
        select shop_id, friend_id as member_id, format('a member was brought by %s referrals', count(*)) as what
        from referral group by shop_id, friend_id having count(*) > 1
        """,
    ),
    Question(
        12,  # a friend is rewarded at most once for life
        """
        select b.shop_id, b.member_id, format('a friend has %s bonuses for being brought', count(*)) as what
        from bonus b where b.rule = 'referral' and b.state = 'given' and b.why ->> 'side' = 'friend'
        group by b.shop_id, b.member_id having count(*) > 1
        """,
    ),
    Question(
        12,  # nobody brought themselves, however long the way
        """
        with recursive way as (
            select shop_id, friend_id as first, advocate_id, 1 as steps from referral
            where state <> 'rejected' and advocate_id <> friend_id
            union
            select w.shop_id, w.first, r.advocate_id, w.steps + 1 from way w
            join referral r on r.shop_id = w.shop_id and r.friend_id = w.advocate_id and r.state <> 'rejected'
            where w.advocate_id <> w.first and w.steps < 1000
        )
        select shop_id, first as member_id, format('a ring of %s referrals leads back to its member', steps) as what
        from way where advocate_id = first
        """,
    ),
    Question(
        12,  # no more friends bring something than the program of their day allows
        f"""
        select r.shop_id, r.advocate_id as member_id, format('%s friends count %s, %s may', count(*), c.what, max(c.most))
            as what
        from referral r
        join shop s on s.id = r.shop_id
        join program_version v on v.shop_id = r.shop_id and v.version = r.program_version
        cross join lateral (values
            ('on one day', date_trunc('day', r.counted_at at time zone s.timezone),
                v.settings #>> '{{referral,caps,per_day}}'),
            ('in one month', date_trunc('month', r.counted_at at time zone s.timezone),
                v.settings #>> '{{referral,caps,per_month}}'),
            ('in all', null, v.settings #>> '{{referral,caps,total}}')
        ) as terms (what, part, most)
        cross join lateral (select terms.what, terms.part, terms.most\\:\\:bigint as most) c
        where r.{_LIVE}
        group by r.shop_id, r.advocate_id, c.what, c.part
        having bool_and(c.most is not null) and count(*) > max(c.most)
        """,  # noqa: S608 - our own words
    ),
    Question(
        12,  # a bonus for a referral that counts, and for no other
        f"""
        select b.shop_id, b.member_id, format('bonus %s is given for a referral that is %s', b.key,
            coalesce(r.state || coalesce(', ' || r.review, ''), 'gone')) as what
        from bonus b
        left join referral r on r.shop_id = b.shop_id and r.id\\:\\:text = b.why ->> 'referral'
        where b.rule = 'referral' and b.state = 'given' and b.key like 'referral\\:%'
            and (r.id is null or not r.{_LIVE} or r.review = any ('{{waiting,refused}}'\\:\\:text[]))
        """,  # noqa: S608
    ),
    Question(
        12,  # what a payout says of its points is what the bonus says
        """
        select p.shop_id, p.member_id, format('payout %s of referral %s says that %s points are %s, its bonus says %s',
            p.part, p.referral_id, p.points, p.state, coalesce(b.points || ' ' || b.state, 'nothing')) as what
        from referral_payout p
        left join bonus b on b.shop_id = p.shop_id and b.key = 'referral\\:' || p.referral_id || '\\:' || p.part
        where p.points > 0 and (b.id is null or b.member_id <> p.member_id
            or (b.state = 'given') <> (p.state <> 'taken_back') or p.state <> 'taken_back' and b.points <> p.points)
        """,
    ),
    Question(
        12,  # a rewarded referral has paid what was due with it
        """
        select r.shop_id, r.advocate_id as member_id, format('referral %s is rewarded, its payout %s is %s', r.id, p.part,
            p.state) as what
        from referral r join referral_payout p on p.shop_id = r.shop_id and p.referral_id = r.id
        where r.state = 'rewarded' and p.state = 'promised' and p.due_at <= r.due_at
        """,
    ),
)
