-- The ledger's verbs. Applied again by every `lagniappe migrate`, so this file is their one definition.
--
-- A verb writes the entry, the lots and the account together. The account row is the lock: each verb takes it first (the
-- batch verbs take many, in the order of their keys), so that whatever it reads afterwards cannot change under it.
-- A source key that was seen before is the same entry: the verb then changes nothing and returns null.
--
-- Errors: LG001 not enough points; LG002 a promise that is no longer pending.


-- Locks the account and says whether the source key is new.
create or replace function ledger_begin(p_shop bigint, p_member bigint, p_key text) returns boolean
language plpgsql as $$
begin
    perform 1 from account where shop_id = p_shop and member_id = p_member for no key update;
    if not found then
        raise exception 'member % of shop % has no account', p_member, p_shop;
    end if;
    return not exists (select 1 from entry where shop_id = p_shop and source_key = p_key);
end $$;


-- Takes up to p_points out of the member's open lots: those of p_order first, then by expires_at (never-expiring last),
-- then earned_at, then id. Lots past their date are left alone unless p_expired_too. Returns what it took.
create or replace function ledger_take_lots(
    p_shop bigint, p_member bigint, p_points bigint, p_at timestamptz, p_order bigint, p_expired_too boolean,
    out lot_ids bigint[], out amounts bigint[], out taken bigint)
language plpgsql as $$
declare
    v_lot record;
    v_amount bigint;
begin
    lot_ids := '{}'; amounts := '{}'; taken := 0;
    if p_order is not null then
        for v_lot in
            select id, remaining from lot
            where shop_id = p_shop and order_id = p_order and member_id = p_member and open
            order by expires_at, earned_at, id
        loop
            exit when taken = p_points;
            v_amount := least(v_lot.remaining, p_points - taken);
            update lot set remaining = remaining - v_amount, open = remaining > v_amount
            where shop_id = p_shop and id = v_lot.id;
            lot_ids := lot_ids || v_lot.id; amounts := amounts || v_amount; taken := taken + v_amount;
        end loop;
    end if;
    if taken < p_points then
        for v_lot in
            select id, remaining from lot
            where shop_id = p_shop and member_id = p_member and open
                and (p_expired_too or expires_at is null or expires_at > p_at)
            order by expires_at, earned_at, id
        loop
            exit when taken = p_points;
            v_amount := least(v_lot.remaining, p_points - taken);
            update lot set remaining = remaining - v_amount, open = remaining > v_amount
            where shop_id = p_shop and id = v_lot.id;
            lot_ids := lot_ids || v_lot.id; amounts := amounts || v_amount; taken := taken + v_amount;
        end loop;
    end if;
end $$;


-- Points enter `available`: post, grant, release, return. Writes the entry and, in the same breath, settles what is owed.
-- With p_answers the points go back to the lots that entry took them from; into a lot that has expired meanwhile: a new
-- lot that lives p_grace days. p_owed of them came from `owed`, so from no lot: they make a lot that ends at p_expires.
-- Without p_answers they make one new lot.
drop function if exists ledger_credit(bigint, bigint, timestamptz, text, text, bigint, text, text, text, text, jsonb, bigint,
    bigint, integer, timestamptz, timestamptz, bigint, integer);
create or replace function ledger_credit(
    p_shop bigint, p_member bigint, p_at timestamptz, p_kind text, p_from text, p_points bigint, p_key text,
    p_actor text, p_actor_name text, p_reason text, p_why jsonb, p_order bigint, p_award bigint, p_version integer,
    p_earned timestamptz, p_expires timestamptz, p_answers bigint, p_grace integer, p_owed bigint default 0) returns bigint
language plpgsql as $$
declare
    v_entry bigint;
    v_settled bigint;
    v_available bigint;
    v_settle_entry bigint;
    v_lots record;
    v_back record;
    v_restored bigint := 0;
begin
    select least(p_points, -owed) into v_settled from account where shop_id = p_shop and member_id = p_member;
    -- one update: between the credit and the settling the account would break its own constraint
    update account set
        pending = pending - case p_from when 'pending' then p_points else 0 end,
        on_hold = on_hold - case p_from when 'on_hold' then p_points else 0 end,
        available = available + p_points - v_settled,
        owed = owed + v_settled
    where shop_id = p_shop and member_id = p_member
    returning available into v_available;

    insert into entry (shop_id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor,
        actor_name, reason, order_id, award_id, program_version, expires_at, answers_entry_id, why)
    values (p_shop, p_member, p_at, p_kind, p_from, 'available', p_points, v_available + v_settled, p_key, p_actor,
        p_actor_name, p_reason, p_order, p_award, p_version, case when p_answers is null then p_expires end, p_answers,
        coalesce(p_why, '{}'))
    returning id into v_entry;

    if p_answers is not null then
        for v_back in
            select el.lot_id, el.points, l.order_id, l.earned_at, l.expires_at, l.reminded_early,
                l.member_id = p_member as is_own
            from entry_lot el join lot l on l.shop_id = el.shop_id and l.id = el.lot_id
            where el.shop_id = p_shop and el.entry_id = p_answers order by el.lot_id
        loop
            if v_back.expires_at <= p_at then
                insert into lot (shop_id, member_id, entry_id, order_id, points, remaining, open, earned_at, expires_at,
                    reminder)
                values (p_shop, p_member, v_entry, v_back.order_id, v_back.points, v_back.points, true, v_back.earned_at,
                    p_at + make_interval(days => p_grace), case when p_grace > 7 then 'waiting' else 'none' end);
            elsif not v_back.is_own then -- of an account that was merged into this one: a lot of the same dates
                insert into lot (shop_id, member_id, entry_id, order_id, points, remaining, open, earned_at, expires_at,
                    reminder, reminded_early, moved_from)
                select p_shop, p_member, v_entry, v_back.order_id, v_back.points, v_back.points, true, v_back.earned_at,
                    v_back.expires_at, case when v_back.expires_at > p_at + interval '7 days' then 'waiting' else 'none' end,
                    v_back.reminded_early, coalesce(l.moved_from, l.id)
                from lot l where l.shop_id = p_shop and l.id = v_back.lot_id;
            else
                update lot set remaining = remaining + v_back.points, open = true
                where shop_id = p_shop and id = v_back.lot_id;
                insert into entry_lot values (p_shop, v_entry, v_back.lot_id, v_back.points);
            end if;
            v_restored := v_restored + v_back.points;
        end loop;
        if v_restored + p_owed <> p_points then
            raise exception 'entry % took % points from its lots, not %', p_answers, v_restored, p_points - p_owed;
        end if;
        if p_owed > 0 then -- what had been owed came from no lot
            insert into lot (shop_id, member_id, entry_id, points, remaining, open, earned_at, expires_at, reminder)
            values (p_shop, p_member, v_entry, p_owed, p_owed, true, p_at, p_expires,
                case when p_expires > p_at + interval '7 days' then 'waiting' else 'none' end);
        end if;
    else
        insert into lot (shop_id, member_id, entry_id, order_id, points, remaining, open, earned_at, expires_at, reminder)
        values (p_shop, p_member, v_entry, p_order, p_points, p_points, true, p_earned, p_expires,
            case when p_expires > p_earned + interval '7 days' then 'waiting' else 'none' end);
    end if;

    if v_settled > 0 then
        select * from ledger_take_lots(p_shop, p_member, v_settled, p_at, null, true) into v_lots;
        insert into entry (shop_id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor,
            reason, order_id, award_id, why)
        values (p_shop, p_member, p_at, 'settle', 'available', 'owed', v_settled, v_available, p_key || ':settle', 'system',
            'settles what was owed', p_order, p_award, jsonb_build_object('settles_with', v_entry::text))
        returning id into v_settle_entry;
        insert into entry_lot select p_shop, v_settle_entry, t.lot_id, t.amount
        from unnest(v_lots.lot_ids, v_lots.amounts) as t (lot_id, amount);
    end if;
    return v_entry;
end $$;


-- The entry of points that were taken out of these lots, and the account that they leave, in one statement.
create or replace function ledger_write_debit(
    p_shop bigint, p_member bigint, p_at timestamptz, p_kind text, p_to text, p_points bigint, p_key text,
    p_actor text, p_actor_name text, p_reason text, p_why jsonb, p_order bigint, p_version integer,
    p_lot_ids bigint[], p_amounts bigint[]) returns bigint
language plpgsql as $$
declare
    v_entry bigint;
begin
    with left_behind as (
        update account set available = available - p_points,
            on_hold = on_hold + case p_to when 'on_hold' then p_points else 0 end
        where shop_id = p_shop and member_id = p_member
        returning available
    ),
    written as (
        insert into entry (shop_id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor,
            actor_name, reason, order_id, program_version, why)
        select p_shop, p_member, p_at, p_kind, 'available', p_to, p_points, left_behind.available, p_key, p_actor,
            p_actor_name, p_reason, p_order, p_version, coalesce(p_why, '{}')
        from left_behind
        returning id
    ),
    parts as (
        insert into entry_lot select p_shop, written.id, t.lot_id, t.amount
        from written, unnest(p_lot_ids, p_amounts) as t (lot_id, amount)
    )
    select id into v_entry from written;
    return v_entry;
end $$;


-- Points leave `available` of an account that the caller holds, whose key the caller knows to be new, whose lots it has
-- found swept and whose points it has found enough: what `ledger_debit` would do, without asking again.
create or replace function ledger_debit_checked(
    p_shop bigint, p_member bigint, p_at timestamptz, p_kind text, p_to text, p_points bigint, p_key text,
    p_actor text, p_actor_name text, p_reason text, p_why jsonb) returns bigint
language plpgsql as $$
declare
    v_lot bigint;
    v_lots record;
begin
    -- Mostly the lot whose turn it is holds enough.
    update lot set remaining = remaining - p_points, open = remaining > p_points
    where shop_id = p_shop and remaining >= p_points and id = (
        select id from lot
        where shop_id = p_shop and member_id = p_member and open and (expires_at is null or expires_at > p_at)
        order by expires_at, earned_at, id limit 1)
    returning id into v_lot;
    if v_lot is not null then
        return ledger_write_debit(p_shop, p_member, p_at, p_kind, p_to, p_points, p_key, p_actor, p_actor_name, p_reason,
            p_why, null, null, array[v_lot], array[p_points]);
    end if;
    select * from ledger_take_lots(p_shop, p_member, p_points, p_at, null, false) into v_lots;
    if v_lots.taken < p_points then
        raise exception 'not enough points: % of %', v_lots.taken, p_points using errcode = 'LG001';
    end if;
    return ledger_write_debit(p_shop, p_member, p_at, p_kind, p_to, p_points, p_key, p_actor, p_actor_name, p_reason,
        p_why, null, null, v_lots.lot_ids, v_lots.amounts);
end $$;


-- Points leave `available`: deduct, hold, spend, claw_back. Expired lots are swept first, so that the outcome is the same
-- whether or not the sweep has run. With p_may_owe what is missing is taken from `owed` by a second entry (key || ':owed');
-- without it too few points raise LG001. p_order: the lots of this order go first.
create or replace function ledger_debit(
    p_shop bigint, p_member bigint, p_at timestamptz, p_kind text, p_to text, p_points bigint, p_key text,
    p_actor text, p_actor_name text, p_reason text, p_why jsonb, p_order bigint, p_version integer, p_may_owe boolean)
returns bigint
language plpgsql as $$
declare
    v_entry bigint;
    v_owed_entry bigint;
    v_lots record;
    v_missing bigint;
begin
    if not ledger_begin(p_shop, p_member, p_key)
        or exists (select 1 from entry where shop_id = p_shop and source_key = p_key || ':owed') then
        return null;
    end if;
    perform ledger_expire_member(p_shop, p_member, p_at);
    select * from ledger_take_lots(p_shop, p_member, p_points, p_at, p_order, p_may_owe) into v_lots;
    v_missing := p_points - v_lots.taken;
    if v_missing > 0 and not p_may_owe then
        raise exception 'not enough points: % of %', v_lots.taken, p_points using errcode = 'LG001';
    end if;
    if v_lots.taken > 0 then
        v_entry := ledger_write_debit(p_shop, p_member, p_at, p_kind, p_to, v_lots.taken, p_key, p_actor, p_actor_name,
            p_reason, p_why, p_order, p_version, v_lots.lot_ids, v_lots.amounts);
    end if;
    if v_missing > 0 then
        update account set owed = owed - v_missing where shop_id = p_shop and member_id = p_member;
        insert into entry (shop_id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor,
            actor_name, reason, order_id, program_version, why)
        values (p_shop, p_member, p_at, p_kind, 'owed', p_to, v_missing, 0, p_key || ':owed', p_actor,
            p_actor_name, p_reason, p_order, p_version, coalesce(p_why, '{}'))
        returning id into v_owed_entry;
    end if;
    return coalesce(v_entry, v_owed_entry);
end $$;


-- issued -> pending: makes the award. Returns its id.
create or replace function ledger_promise(
    p_shop bigint, p_member bigint, p_at timestamptz, p_points bigint, p_key text, p_reason text, p_why jsonb,
    p_rule text, p_order bigint, p_version integer, p_due timestamptz, p_expires timestamptz) returns bigint
language plpgsql as $$
declare
    v_award bigint;
begin
    if not ledger_begin(p_shop, p_member, p_key) then
        return null;
    end if;
    insert into award (shop_id, member_id, order_id, rule, promised, pending, due_at, expires_at, reason, program_version, why,
        held)
    values (p_shop, p_member, p_order, p_rule, p_points, p_points, p_due, p_expires, p_reason, p_version, p_why,
        exists (select 1 from member m where m.shop_id = p_shop and m.id = p_member and m.status = 'blocked'))
    returning id into v_award;
    update account set pending = pending + p_points where shop_id = p_shop and member_id = p_member;
    insert into entry (shop_id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor,
        reason, order_id, award_id, program_version, expires_at, why)
    select p_shop, p_member, p_at, 'promise', 'issued', 'pending', p_points, a.available, p_key, 'platform',
        p_reason, p_order, v_award, p_version, p_expires, p_why
    from account a where a.shop_id = p_shop and a.member_id = p_member;
    return v_award;
end $$;


-- pending -> voided: takes p_points back from an award that still waits. Raises LG002 if it holds fewer.
create or replace function ledger_void(
    p_shop bigint, p_award bigint, p_at timestamptz, p_points bigint, p_key text, p_reason text, p_why jsonb) returns bigint
language plpgsql as $$
declare
    v_award award;
    v_entry bigint;
begin
    select * into strict v_award from award where shop_id = p_shop and id = p_award;
    if not ledger_begin(p_shop, v_award.member_id, p_key) then
        return null;
    end if;
    update award set pending = pending - p_points, state = case when pending = p_points then 'voided' else state end
    where shop_id = p_shop and id = p_award and state = 'pending' and pending >= p_points;
    if not found then
        raise exception 'award % does not hold % pending points', p_award, p_points using errcode = 'LG002';
    end if;
    update account set pending = pending - p_points where shop_id = p_shop and member_id = v_award.member_id;
    insert into entry (shop_id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor,
        reason, order_id, award_id, program_version, why)
    select p_shop, v_award.member_id, p_at, 'void', 'pending', 'voided', p_points, a.available, p_key, 'platform',
        p_reason, v_award.order_id, p_award, v_award.program_version, p_why
    from account a where a.shop_id = p_shop and a.member_id = v_award.member_id
    returning id into v_entry;
    return v_entry;
end $$;


-- issued -> available by hand, import or bonus: makes a lot. Returns the entry's id.
create or replace function ledger_grant(
    p_shop bigint, p_member bigint, p_at timestamptz, p_points bigint, p_key text, p_actor text, p_actor_name text,
    p_reason text, p_why jsonb, p_version integer, p_expires timestamptz) returns bigint
language plpgsql as $$
begin
    if not ledger_begin(p_shop, p_member, p_key) then
        return null;
    end if;
    return ledger_credit(p_shop, p_member, p_at, 'grant', 'issued', p_points, p_key, p_actor, p_actor_name, p_reason, p_why,
        null, null, p_version, p_at, p_expires, null, 0);
end $$;


-- on_hold -> available (release) or spent -> available (return): ends the hold or spend p_answers, whole, into the same lots.
-- Only a hold is released; only what was spent is returned: a spend, or a hold that was captured. A spend that was owed in
-- part (key || ':owed') comes back with that part, which settles what is still owed and otherwise ends at p_expires.
drop function if exists ledger_give_back(bigint, bigint, timestamptz, text, bigint, text, text, text, text, jsonb, integer);
create or replace function ledger_give_back(
    p_shop bigint, p_member bigint, p_at timestamptz, p_kind text, p_answers bigint, p_key text, p_actor text,
    p_actor_name text, p_reason text, p_why jsonb, p_grace integer, p_expires timestamptz) returns bigint
language plpgsql as $$
declare
    v_answered entry;
    v_owed bigint;
begin
    if not ledger_begin(p_shop, p_member, p_key) then
        return null;
    end if;
    select * into strict v_answered from entry
    where shop_id = p_shop and id = p_answers and (kind = 'hold' or kind = 'spend' and p_kind = 'return')
        and (member_id = p_member or exists (
            select 1 from member m where m.shop_id = p_shop and m.id = entry.member_id and m.merged_into = p_member));
    if p_kind = 'return' and v_answered.kind = 'hold' and not exists (
        select 1 from entry where shop_id = p_shop and answers_entry_id = p_answers and kind = 'capture') then
        raise exception 'hold % was not captured: there is nothing to return', p_answers;
    end if;
    select coalesce(sum(points), 0) into v_owed from entry
    where shop_id = p_shop and source_key = v_answered.source_key || ':owed';
    return ledger_credit(p_shop, p_member, p_at, p_kind, case p_kind when 'release' then 'on_hold' else 'spent' end,
        v_answered.points + v_owed, p_key, p_actor, p_actor_name, p_reason, p_why, v_answered.order_id, null,
        v_answered.program_version, null, p_expires, p_answers, p_grace,
        v_owed + case v_answered.from_bucket when 'owed' then v_answered.points else 0 end);
end $$;


-- All that one account holds goes to another of the same person, by entries of both that say so: what is pending, what is
-- available (in lots of the same dates), what is owed. The caller has swept both, and nothing is on hold. It is done once:
-- a second time there is nothing left to move.
create or replace function ledger_merge(
    p_shop bigint, p_kept bigint, p_gone bigint, p_at timestamptz, p_key text, p_actor text, p_actor_name text,
    p_reason text, p_why jsonb) returns void
language plpgsql as $$
declare
    v_gone account;
    v_kept account;
    v_entry bigint;
    v_settled bigint;
    v_credit bigint;
    v_lots record;
begin
    perform 1 from account where shop_id = p_shop and member_id in (p_kept, p_gone) order by member_id for no key update;
    select * into strict v_gone from account where shop_id = p_shop and member_id = p_gone;
    select * into strict v_kept from account where shop_id = p_shop and member_id = p_kept;
    if v_gone.on_hold > 0 then
        raise exception 'account % has % points on hold', p_gone, v_gone.on_hold;
    end if;

    if v_gone.pending > 0 then
        update account set pending = 0 where shop_id = p_shop and member_id = p_gone;
        update account set pending = pending + v_gone.pending where shop_id = p_shop and member_id = p_kept;
        update award set member_id = p_kept where shop_id = p_shop and member_id = p_gone and state = 'pending';
        insert into entry (shop_id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor,
            actor_name, reason, why)
        values (p_shop, p_gone, p_at, 'merge', 'pending', 'merged', v_gone.pending, v_gone.available, p_key || ':pending:from',
                p_actor, p_actor_name, p_reason, p_why),
            (p_shop, p_kept, p_at, 'merge', 'merged', 'pending', v_gone.pending, v_kept.available, p_key || ':pending:to',
                p_actor, p_actor_name, p_reason, p_why);
    end if;

    -- One of both: what is owed is owed only while nothing is available.
    v_credit := v_gone.available;
    if v_credit > 0 then
        insert into entry (shop_id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor,
            actor_name, reason, why)
        values (p_shop, p_gone, p_at, 'merge', 'available', 'merged', v_credit, 0, p_key || ':available:from', p_actor,
            p_actor_name, p_reason, p_why)
        returning id into v_entry;
        insert into entry_lot select p_shop, v_entry, l.id, l.remaining
        from lot l where l.shop_id = p_shop and l.member_id = p_gone and l.open;
        update account set available = 0 where shop_id = p_shop and member_id = p_gone;

        v_settled := least(v_credit, -v_kept.owed);
        update account set available = available + v_credit - v_settled, owed = owed + v_settled
        where shop_id = p_shop and member_id = p_kept;
        insert into entry (shop_id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor,
            actor_name, reason, why)
        values (p_shop, p_kept, p_at, 'merge', 'merged', 'available', v_credit, v_kept.available + v_credit,
            p_key || ':available:to', p_actor, p_actor_name, p_reason, p_why)
        returning id into v_entry;
        insert into lot (shop_id, member_id, entry_id, order_id, points, remaining, open, earned_at, expires_at, reminder,
            reminded_early, moved_from)
        select p_shop, p_kept, v_entry, l.order_id, l.remaining, l.remaining, true, l.earned_at, l.expires_at,
            -- a reminder that has been written was addressed to the other account
            case l.reminder when 'queued' then 'waiting' else l.reminder end, l.reminded_early, coalesce(l.moved_from, l.id)
        from lot l where l.shop_id = p_shop and l.member_id = p_gone and l.open order by l.id;
        update lot set remaining = 0, open = false where shop_id = p_shop and member_id = p_gone and open;
    elsif v_gone.owed < 0 then
        v_credit := 0;
        v_settled := least(v_kept.available, -v_gone.owed);
        update account set owed = 0 where shop_id = p_shop and member_id = p_gone;
        update account set available = available - v_settled, owed = owed + v_gone.owed + v_settled
        where shop_id = p_shop and member_id = p_kept;
        insert into entry (shop_id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor,
            actor_name, reason, why)
        values (p_shop, p_gone, p_at, 'merge', 'merged', 'owed', -v_gone.owed, 0, p_key || ':owed:from', p_actor,
                p_actor_name, p_reason, p_why),
            (p_shop, p_kept, p_at, 'merge', 'owed', 'merged', -v_gone.owed, v_kept.available, p_key || ':owed:to', p_actor,
                p_actor_name, p_reason, p_why);
    end if;
    if v_settled > 0 then
        select * from ledger_take_lots(p_shop, p_kept, v_settled, p_at, null, true) into v_lots;
        insert into entry (shop_id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor,
            reason, why)
        values (p_shop, p_kept, p_at, 'settle', 'available', 'owed', v_settled, v_kept.available + v_credit - v_settled,
            p_key || ':settle', 'system', 'settles what was owed', '{}')
        returning id into v_entry;
        insert into entry_lot select p_shop, v_entry, t.lot_id, t.amount
        from unnest(v_lots.lot_ids, v_lots.amounts) as t (lot_id, amount);
    end if;
end $$;


-- on_hold -> spent: the hold p_answers is captured, whole.
create or replace function ledger_capture(
    p_shop bigint, p_member bigint, p_at timestamptz, p_answers bigint, p_key text, p_actor text, p_reason text, p_why jsonb)
returns bigint
language plpgsql as $$
declare
    v_hold entry;
    v_entry bigint;
begin
    if not ledger_begin(p_shop, p_member, p_key) then
        return null;
    end if;
    select * into strict v_hold from entry
    where shop_id = p_shop and id = p_answers and member_id = p_member and kind = 'hold';
    update account set on_hold = on_hold - v_hold.points where shop_id = p_shop and member_id = p_member;
    insert into entry (shop_id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor,
        reason, order_id, program_version, answers_entry_id, why)
    select p_shop, p_member, p_at, 'capture', 'on_hold', 'spent', v_hold.points, a.available, p_key, p_actor,
        p_reason, v_hold.order_id, v_hold.program_version, p_answers, coalesce(p_why, '{}')
    from account a where a.shop_id = p_shop and a.member_id = p_member
    returning id into v_entry;
    return v_entry;
end $$;


-- available -> expired for one member, before anything is taken from it. The caller holds the account.
create or replace function ledger_expire_member(p_shop bigint, p_member bigint, p_at timestamptz) returns void
language plpgsql as $$
declare
    v_lot record;
    v_entry bigint;
begin
    for v_lot in
        select id, remaining, order_id, expires_at from lot
        where shop_id = p_shop and member_id = p_member and open and expires_at <= p_at
            and reminder in ('none', 'sent', 'impossible')
        order by expires_at, id
    loop
        update lot set remaining = 0, open = false where shop_id = p_shop and id = v_lot.id;
        update account set available = available - v_lot.remaining where shop_id = p_shop and member_id = p_member;
        insert into entry (shop_id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor,
            reason, order_id, expires_at)
        select p_shop, p_member, p_at, 'expire', 'available', 'expired', v_lot.remaining, a.available,
            'expire:' || v_lot.id, 'system', 'expired', v_lot.order_id, v_lot.expires_at
        from account a where a.shop_id = p_shop and a.member_id = p_member
        returning id into v_entry;
        insert into entry_lot values (p_shop, v_entry, v_lot.id, v_lot.remaining);
    end loop;
end $$;


-- pending -> available for up to p_limit awards whose day has come, oldest first; one set-based statement.
-- Accounts that somebody holds are left for the next round, so two drains never wait for each other.
-- A promise that is posted after its points would have expired (a guest who registers late) lives the program's grace.
create or replace function ledger_post_due(p_at timestamptz, p_limit integer)
returns table (shop_id bigint, member_id bigint, award_id bigint, entry_id bigint, points bigint)
language plpgsql as $$
#variable_conflict use_column
declare
    v_shops bigint[];
    v_members bigint[];
    v_award record;
begin
    select array_agg(l.shop_id), array_agg(l.member_id) into v_shops, v_members
    from (
        select a.shop_id, a.member_id
        from account a
        join (
            select d.shop_id, d.member_id, sum(d.pending) as points
            from (select w.shop_id, w.member_id, w.pending from award w
                  where w.state = 'pending' and not w.held and w.due_at <= p_at
                  order by w.due_at limit p_limit) d
            group by d.shop_id, d.member_id
        ) due on due.shop_id = a.shop_id and due.member_id = a.member_id
            and due.points <= a.pending -- a corrupt account is left to the ledger check; the others go on
        order by a.shop_id, a.member_id
        for no key update of a skip locked
    ) l;
    if v_shops is null then
        return;
    end if;

    return query
    with due as materialized (
        select w.shop_id, w.id, w.member_id, w.pending as points, w.order_id, w.reason, w.program_version, w.why, w.due_at,
            case when w.expires_at <= p_at
                then p_at + make_interval(days => coalesce((pv.settings #>> '{expiry,grace_days}')::integer, 7))
                else w.expires_at end as expires_at,
            a.available + sum(w.pending) over (partition by w.shop_id, w.member_id order by w.due_at, w.id) as available_after
        from unnest(v_shops, v_members) as l (shop_id, member_id)
        join account a on a.shop_id = l.shop_id and a.member_id = l.member_id and a.owed = 0
        join award w on w.shop_id = l.shop_id and w.member_id = l.member_id and w.state = 'pending' and not w.held
            and w.due_at <= p_at
        join program_version pv on pv.shop_id = w.shop_id and pv.version = w.program_version
        order by w.shop_id, w.member_id, w.due_at, w.id
    ),
    numbered as materialized (
        select nextval('entry_id_seq') as entry_id, due.* from due
    ),
    posted as (
        update award w set state = 'posted', pending = 0
        from numbered n where w.shop_id = n.shop_id and w.id = n.id
    ),
    entries as (
        insert into entry (shop_id, id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key,
            actor, reason, order_id, award_id, program_version, expires_at, why)
        select n.shop_id, n.entry_id, n.member_id, p_at, 'post', 'pending', 'available', n.points, n.available_after,
            'award:' || n.id || ':post', 'system', n.reason, n.order_id, n.id, n.program_version, n.expires_at, n.why
        from numbered n
    ),
    lots as (
        insert into lot (shop_id, member_id, entry_id, order_id, points, remaining, open, earned_at, expires_at, reminder)
        select n.shop_id, n.member_id, n.entry_id, n.order_id, n.points, n.points, true, n.due_at, n.expires_at,
            case when n.expires_at > n.due_at + interval '7 days' then 'waiting' else 'none' end
        from numbered n
    ),
    sums as (
        select n.shop_id, n.member_id, sum(n.points) as points from numbered n group by n.shop_id, n.member_id
    ),
    accounts as (
        update account a set pending = a.pending - s.points, available = a.available + s.points
        from sums s where a.shop_id = s.shop_id and a.member_id = s.member_id
    )
    select n.shop_id, n.member_id, n.id, n.entry_id, n.points from numbered n;

    -- The few members who owe something settle at once, one by one.
    for v_award in
        select w.*, coalesce((pv.settings #>> '{expiry,grace_days}')::integer, 7) as grace
        from unnest(v_shops, v_members) as l (shop_id, member_id)
        join account a on a.shop_id = l.shop_id and a.member_id = l.member_id and a.owed < 0
        join award w on w.shop_id = l.shop_id and w.member_id = l.member_id and w.state = 'pending' and not w.held
            and w.due_at <= p_at
        join program_version pv on pv.shop_id = w.shop_id and pv.version = w.program_version
        order by w.shop_id, w.member_id, w.due_at, w.id
    loop
        update award w set state = 'posted', pending = 0 where w.shop_id = v_award.shop_id and w.id = v_award.id;
        shop_id := v_award.shop_id; member_id := v_award.member_id; award_id := v_award.id; points := v_award.pending;
        entry_id := ledger_credit(v_award.shop_id, v_award.member_id, p_at, 'post', 'pending', v_award.pending,
            'award:' || v_award.id || ':post', 'system', null, v_award.reason, v_award.why, v_award.order_id, v_award.id,
            v_award.program_version, v_award.due_at,
            case when v_award.expires_at <= p_at then p_at + make_interval(days => v_award.grace) else v_award.expires_at end,
            null, 0);
        return next;
    end loop;
end $$;


-- available -> expired for up to p_limit lots whose date has come; one set-based statement. A lot whose reminder has not
-- gone out yet is left alone: sending it moves the date (design section 6).
create or replace function ledger_expire_due(p_at timestamptz, p_limit integer)
returns table (shop_id bigint, member_id bigint, entry_id bigint, points bigint)
language plpgsql as $$
#variable_conflict use_column
declare
    v_shops bigint[];
    v_members bigint[];
begin
    select array_agg(l.shop_id), array_agg(l.member_id) into v_shops, v_members
    from (
        select a.shop_id, a.member_id
        from account a
        join (
            select d.shop_id, d.member_id, sum(d.remaining) as points
            from (select t.shop_id, t.member_id, t.remaining from lot t
                  where t.open and t.reminder in ('none', 'sent', 'impossible') and t.expires_at <= p_at
                  order by t.expires_at limit p_limit) d
            group by d.shop_id, d.member_id
        ) due on due.shop_id = a.shop_id and due.member_id = a.member_id and due.points <= a.available
        order by a.shop_id, a.member_id
        for no key update of a skip locked
    ) l;
    if v_shops is null then
        return;
    end if;

    return query
    with due as materialized (
        select t.shop_id, t.id, t.member_id, t.remaining as points, t.order_id, t.expires_at,
            a.available - sum(t.remaining) over (partition by t.shop_id, t.member_id order by t.expires_at, t.id)
                as available_after
        from unnest(v_shops, v_members) as l (shop_id, member_id)
        join account a on a.shop_id = l.shop_id and a.member_id = l.member_id
        join lot t on t.shop_id = l.shop_id and t.member_id = l.member_id and t.open and t.expires_at <= p_at
            and t.reminder in ('none', 'sent', 'impossible')
        order by t.shop_id, t.member_id, t.expires_at, t.id
    ),
    numbered as materialized (
        select nextval('entry_id_seq') as entry_id, due.* from due
    ),
    closed as (
        update lot t set remaining = 0, open = false
        from numbered n where t.shop_id = n.shop_id and t.id = n.id
    ),
    entries as (
        insert into entry (shop_id, id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key,
            actor, reason, order_id, expires_at)
        select n.shop_id, n.entry_id, n.member_id, p_at, 'expire', 'available', 'expired', n.points, n.available_after,
            'expire:' || n.id, 'system', 'expired', n.order_id, n.expires_at
        from numbered n
    ),
    taken as (
        insert into entry_lot select n.shop_id, n.entry_id, n.id, n.points from numbered n
    ),
    sums as (
        select n.shop_id, n.member_id, sum(n.points) as points from numbered n group by n.shop_id, n.member_id
    ),
    accounts as (
        update account a set available = a.available - s.points
        from sums s where a.shop_id = s.shop_id and a.member_id = s.member_id
    )
    select n.shop_id, n.member_id, n.entry_id, n.points from numbered n;
end $$;


-- The day of an order's points moves because the store told late when it was collected: awards that still wait follow.
create or replace function ledger_redate(p_shop bigint, p_order bigint, p_due timestamptz, p_expires timestamptz)
returns void language sql as $$
    update award set due_at = p_due, expires_at = p_expires
    where shop_id = p_shop and order_id = p_order and state = 'pending'
        and (due_at, expires_at) is distinct from (p_due, p_expires);
$$;
