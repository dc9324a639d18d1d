-- A reward is never deleted: what was had of it stays. One that is archived is out of sight until it is restored.
alter table reward add column archived_at timestamptz;
alter table reward add constraint an_archived_reward_is_inactive check (archived_at is null or not is_active);

-- Since when a reward's codes run low: its team is told once for each fall.
alter table reward add column codes_low_since timestamptz;

-- The orders of the merchant's list. By name there is reward_name, by age the primary key.
create index reward_by_rank on reward (shop_id, rank, id);
create index reward_by_points on reward (shop_id, points, id);

-- What a store will never take: few, and told on the page about the reward's codes.
create index coupon_refused on coupon (shop_id, reward_id) where state = 'refused';
