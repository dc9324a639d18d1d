-- What somebody is about to change of the program: at most one draft for each shop, in force for nobody.
create table program_draft (
    shop_id bigint primary key references shop,
    settings jsonb not null,        -- the whole document (contract section 8), checked like a version
    based_on integer not null,      -- the version that it started from
    author text not null,
    saved_at timestamptz not null,
    foreign key (shop_id, based_on) references program_version
);
