-- Lists that were long in shops with many rewards (benchmarks/README.md, "Pages of the admin").
-- Gifts that nobody has used yet, among all codes that nobody has used yet (backend/loyalty/redemptions/redemption_grid.py).
create index redemption_unused_gift on redemption (shop_id, delivery_status, requested_at, id)
    where delivery_status is null and frozen ->> 'type' = 'gift';
-- What a point is worth (backend/reports/liability.py).
create index reward_cashback on reward (shop_id, point_value) where type = 'cashback' and is_active;
