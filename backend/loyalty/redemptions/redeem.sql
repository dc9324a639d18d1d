-- One redemption as one call: the hot path of spending. Applied again by every `lagniappe migrate`.
--
-- The account row is the lock: whoever redeems for a member waits here for the others, so the key, the limit and the balance
-- are read once and stay true. What needs words, languages or the rules of eligibility is judged before the call, by the
-- version of the reward that the caller names; another version meanwhile is answered with `stale` and judged anew.
--
-- `outcome`: issued, requested (a code is being made: there is none in stock, or never one), again (this key was used before:
-- the redemption as it now is); stale, gone, reused, limit_reached, out_of_stock, not_enough_points; expire_first (points past
-- their date must be written off and their owner told, which is not done here).
--
-- `p_mail_at`: the machine's clock if the program sends mails about this, else null. The mail is the same row that
-- loyalty/notifications/notices.py would write.
create or replace function redeem(
    p_shop bigint, p_member bigint, p_token_version integer, p_reward bigint, p_version integer, p_campaign bigint,
    p_key text, p_hash text, p_at timestamptz, p_expires timestamptz, p_hold_until timestamptz, p_frozen jsonb,
    p_attributes jsonb, p_actor text, p_actor_name text, p_mail_at timestamptz,
    out outcome text, out redemption jsonb, out available bigint)
language plpgsql
set plan_cache_mode = force_generic_plan -- each statement has one good plan; planning anew cost a tenth of the call
as $$
declare
    v_known bigint;
    v_reward reward;
    v_address jsonb;
    v_is_told boolean;
    v_ended bigint;
    v_must_expire boolean;
    v_coupon bigint;
    v_code text;
    v_id bigint;
    v_entry bigint;
    v_after bigint;
begin
    select a.available into available from account a where a.shop_id = p_shop and a.member_id = p_member
    for no key update;
    -- Read once the account is held: who erases a member holds it, too.
    select m.address, m.email is not null and m.unsubscribed_at is null, known.id, ended.points, ended.must_go
    into v_address, v_is_told, v_known, v_ended, v_must_expire
    from member m
    left join redemption known on known.shop_id = p_shop and known.key = p_key
    cross join lateral (
        select coalesce(sum(l.remaining), 0) as points, bool_or(l.reminder in ('none', 'sent', 'impossible')) as must_go
        from lot l where l.shop_id = p_shop and l.member_id = p_member and l.open and l.expires_at <= p_at
    ) ended
    where m.shop_id = p_shop and m.id = p_member and m.status = 'active'
        and (p_token_version is null or m.token_version = p_token_version);
    if not found then
        outcome := 'gone';
        return;
    end if;
    if v_known is not null then
        select case when r.request_hash = p_hash then 'again' else 'reused' end,
            case when r.request_hash = p_hash then to_jsonb(r) end
        into outcome, redemption
        from redemption r where r.shop_id = p_shop and r.id = v_known;
        return;
    end if;

    -- A change of the reward waits for all who hold this, and whoever comes later sees the change.
    select * into v_reward from reward r where r.shop_id = p_shop and r.id = p_reward for key share;
    if not found or v_reward.version <> p_version then
        outcome := 'stale';
        return;
    end if;
    if v_reward.limit_per_member is not null and v_reward.limit_per_member <= (
        select count(*) from redemption r where r.shop_id = p_shop and r.member_id = p_member and r.reward_id = p_reward
            and r.status in ('requested', 'issued', 'expired')) then
        outcome := 'limit_reached';
        return;
    end if;

    available := available - v_ended;
    if v_must_expire then
        outcome := 'expire_first';
        return;
    end if;
    if available < v_reward.points then
        outcome := 'not_enough_points';
        return;
    end if;

    -- Only a limited reward makes its takers wait for each other.
    if v_reward.limit_total is not null then
        update reward r set taken = taken + 1
        where r.shop_id = p_shop and r.id = p_reward and r.taken < r.limit_total;
        if not found then
            outcome := 'limit_reached';
            return;
        end if;
    end if;
    if v_reward.coupon_source <> 'none' then
        delete from coupon_free f where (f.shop_id, f.reward_id, f.coupon_id) = (
            select c.shop_id, c.reward_id, c.coupon_id from coupon_free c
            where c.shop_id = p_shop and c.reward_id = p_reward
            order by c.shop_id, c.reward_id, c.coupon_id limit 1 for update skip locked) -- the order makes it walk the key
        returning f.coupon_id, f.code into v_coupon, v_code;
        if v_coupon is null and v_reward.coupon_source = 'uploaded' then
            if v_reward.limit_total is not null then
                update reward r set taken = taken - 1 where r.shop_id = p_shop and r.id = p_reward;
            end if;
            outcome := 'out_of_stock';
            return;
        end if;
        -- Codes are numbered as they are made, so one in ten looks after the stock.
        if v_reward.coupon_source <> 'uploaded' and coalesce(v_coupon % 10 = 0, true) then
            insert into coupon_refill (shop_id, reward_id, due_at) values (p_shop, p_reward, 'epoch'); -- due at once
        end if;
    end if;

    outcome := case when v_reward.coupon_source <> 'none' and v_coupon is null then 'requested' else 'issued' end;
    v_id := nextval('redemption_id_seq');
    v_after := available - v_reward.points;
    if v_reward.points > 0 then
        v_entry := ledger_debit_checked(p_shop, p_member, p_at, case outcome when 'issued' then 'spend' else 'hold' end,
            case outcome when 'issued' then 'spent' else 'on_hold' end, v_reward.points, 'redemption:' || v_id || ':1',
            p_actor, p_actor_name, v_reward.name,
            jsonb_build_object('rule', 'redemption', 'redemption', v_id::text, 'reward', v_reward.name,
                'reward_id', v_reward.redemption_id, 'attributes', p_attributes));
    end if;
    insert into redemption as r (shop_id, id, member_id, reward_id, campaign_id, origin, status, points, points_after,
        frozen, attributes, address, coupon_id, code, entry_id, key, request_hash, requested_at, issued_at, expires_at,
        hold_until)
    values (p_shop, v_id, p_member, p_reward, p_campaign, 'points', outcome, v_reward.points, v_after,
        p_frozen, p_attributes, case v_reward.type when 'gift' then v_address end, v_coupon, v_code, v_entry, p_key,
        p_hash, p_at, case outcome when 'issued' then p_at end, case outcome when 'issued' then p_expires end,
        case outcome when 'requested' then p_hold_until end)
    returning to_jsonb(r) into redemption;
    if outcome = 'issued' and v_is_told and p_mail_at is not null then
        insert into outbox (shop_id, kind, key, payload, next_try_at, created_at)
        values (p_shop, 'mail', 'mail:reward_issued:' || v_id, jsonb_build_object('purpose', 'reward_issued',
            'member_id', p_member, 'redemption_id', v_id), p_mail_at, p_mail_at);
    end if;
    available := v_after;
end $$;
