-- Points and levels that customer accounts at Shopify show (backend/shopify/metafields.py). Times are the machine's.

-- Shops that have it switched on, and how far their members have been looked through.
create table metafield_run (
    shop_id bigint primary key references shop,
    since timestamptz not null,     -- switched on or installed anew: what was written before counts no more
    is_ending boolean not null default false, -- switched off: what was written is to be taken away
    is_defined boolean not null default false, -- Shopify knows what these metafields are
    after_member_id bigint,         -- where going through all members has come to; null: it is not under way
    walk_at timestamptz not null,   -- when to go through all of them again
    from_entry_id bigint not null,  -- members of entries and changes of level after these are looked at …
    from_change_id bigint not null,
    mark_entry_id bigint not null,  -- … and from these on, once a minute has passed since `marked_at`
    mark_change_id bigint not null,
    marked_at timestamptz not null,
    next_at timestamptz,            -- null: the shop has no app
    tries integer not null default 0,
    error text
);

create index metafield_run_due on metafield_run (next_at) where next_at is not null;

-- What was last written of a member. It says nothing of the person, and stays when they are erased.
create table customer_metafield (
    shop_id bigint not null,
    member_id bigint not null,
    customer_hash integer not null, -- of the customer's id at Shopify that it was written to
    points bigint,
    level text,
    is_gone boolean not null default false, -- Shopify has no such customer
    written_at timestamptz not null,
    primary key (shop_id, member_id),
    foreign key (shop_id, member_id) references member
) with (fillfactor = 80);
