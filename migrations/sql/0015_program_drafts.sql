-- What somebody is about to change of the program: at most one draft for each shop, in force for nobody.
create table program_draft (
    shop_id bigint primary key references shop,
    settings jsonb not null,        -- the whole document (contract section 8), checked like a version
    based_on integer not null,      -- the number of the version that it started from; the defaults may be gone since
    author text not null,
    saved_at timestamptz not null,
    guided text[] not null default '{}'  -- the steps of the set-up guide that were gone through
);

-- When a page of the store first loaded the widget: what the set-up guide waits for.
create table widget_sighting (
    shop_id bigint primary key references shop,
    first_at timestamptz not null
);
