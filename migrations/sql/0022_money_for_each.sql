-- Rewards whose codes are made for each redemption by itself, so that there is never a stock of them: gift cards, store credit.
alter table reward drop constraint reward_coupon_source_check;
alter table reward add constraint reward_coupon_source_check check (coupon_source = any ('{none,uploaded,made,each}'::text[]));
