-- What Shopify was asked to pay for a coupon, as a gift card or as store credit, and to take back again
-- (backend/shopify/gift_cards.py, store_credit.py). Times are the machine's.
create table shopify_payout (
    shop_id bigint not null,
    coupon_id bigint not null,
    is_back boolean not null,       -- false: paid; true: taken back (store credit alone)
    state text not null check (state = any ('{asked,done,unclear}'::text[])),
        -- asked: it may have been done or not; unclear: a person has to look
    member_id bigint,               -- whose store credit it is; null: a gift card
    gid text,                       -- Shopify's id of the gift card, or of the transaction in the account
    asked_at timestamptz not null,  -- when Shopify was first asked …
    last_asked_at timestamptz not null, -- … and last
    problem text,                   -- what the last comparison found that does not mend itself
    primary key (shop_id, coupon_id, is_back),
    foreign key (shop_id, coupon_id) references coupon,
    check ((state = 'done') = (gid is not null))
);

-- A transaction settles one coupon, whichever other it could belong to as well.
create unique index shopify_payout_gid on shopify_payout (shop_id, gid) where gid is not null;
-- Of a customer's store credit one move at a time is under way: two of the same amount could not be told apart.
create unique index shopify_payout_asked on shopify_payout (shop_id, member_id) where state = 'asked' and member_id is not null;
create index shopify_payout_problem on shopify_payout (shop_id) where problem is not null;
