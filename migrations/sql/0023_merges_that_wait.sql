-- Merging two accounts moves points, so above the limit it waits for a second person, too.
alter table manual_change drop constraint manual_change_what_check;
alter table manual_change add constraint manual_change_what_check
    check (what = any ('{adjust,redeem,return,merge}'::text[]));
