-- Notifications: what members are told, and what they do not want to hear.

alter table member add column unsubscribed_at timestamptz; -- since when they want no mail but about losses

-- A reward with a push text tells the members that it is to be had: once in its life. It goes through them by their ids.
create table reward_announcement (
    shop_id bigint not null,
    reward_id bigint not null,
    due_at timestamptz,                     -- null: nothing to do; the reward is not to be had
    started_at timestamptz,                 -- who joined later is not told
    last_member_id bigint not null default 0, -- the cursor: who has been looked at
    done_at timestamptz,
    primary key (shop_id, reward_id),
    foreign key (shop_id, reward_id) references reward,
    check (done_at is null or due_at is null)
);

create index reward_announcement_due on reward_announcement (due_at) where due_at is not null;

-- Who was told of which reward. The outbox forgets its rows; a member is told of a reward once all the same.
create table reward_notice (
    shop_id bigint not null,
    reward_id bigint not null,
    member_id bigint not null,
    at timestamptz not null,
    primary key (shop_id, reward_id, member_id),
    foreign key (shop_id, reward_id) references reward,
    foreign key (shop_id, member_id) references member
);

-- A member whose level or segments have changed: rewards may be to be had that were not before.
create table reward_look (
    shop_id bigint not null,
    member_id bigint not null,
    tier text,                              -- what they were before
    segments text[] not null,
    at timestamptz not null,
    primary key (shop_id, member_id),
    foreign key (shop_id, member_id) references member
);

create index reward_look_at on reward_look (at);
