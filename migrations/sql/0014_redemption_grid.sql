-- The grid of redeemed rewards in each of its orders (backend/loyalty/redemptions/redemption_grid.py). The delivery status, which is null
-- until a reward is used, comes first: a filter by it or by use is some of five ranges, and no filter is all of them, merged.
-- What follows the order's own columns is there to be filtered by without reading the rows.
create index redemption_by_redeemed on redemption (shop_id, delivery_status, requested_at, id, used_at, reward_id);
create index redemption_by_used on redemption (shop_id, delivery_status, used_at, id, requested_at, reward_id)
    where used_at is not null;
create index redemption_by_cost on redemption
    (shop_id, delivery_status, points, requested_at, id, used_at, reward_id);
create index reward_of_type on reward (shop_id, coalesce(sub_type, type), id);
-- Gifts that wait to be sent, among all that was used. What is unused is not asked for its type: redeeming pays nothing for this.
create index redemption_to_send on redemption (shop_id, requested_at, id)
    where delivery_status = 'ordered' and frozen ->> 'type' = 'gift';
-- Rewards whose codes can run low, and those that do (backend/loyalty/coupons/stock_health.py).
create index reward_with_codes on reward (shop_id, id) where is_active and coupon_source <> 'none';
