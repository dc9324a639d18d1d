-- The grid of redeemed rewards in each of its orders (backend/loyalty/redemption_grid.py). The delivery status, which is null
-- until a reward is used, comes first: a filter by it or by use is some of five ranges, and no filter is all of them, merged.
-- What follows the order's own columns is there to be filtered by without reading the rows.
create index redemption_by_redeemed on redemption (shop_id, delivery_status, requested_at, id, used_at, reward_id);
create index redemption_by_used on redemption (shop_id, delivery_status, used_at, id, requested_at, reward_id)
    where used_at is not null;
create index redemption_by_cost on redemption
    (shop_id, delivery_status, points, requested_at, id, used_at, reward_id);
create index reward_of_type on reward (shop_id, coalesce(sub_type, type), id);
