-- What each source says of one thing, and the asset that it is taken for. Records hold what tells things from one another;
-- an asset has the id of its oldest record. What an asset has from a record is told by record_id; null: from the record that
-- has the asset's own id.
create table record (
    id uuid primary key,
    asset_id uuid not null references asset (id),
    -- Of the source and the key together, which may be longer than an index allows.
    digest text not null unique,
    source text not null,
    native_key text not null
);
create index record_asset on record (asset_id);

-- Takes the place of asset_identifier, which older nodes may still write.
create table record_identifier (
    record_id uuid not null references record (id),
    kind text not null,
    scope text not null,
    value text not null,
    first_seen_at bigint not null,
    last_seen_at bigint not null,
    primary key (record_id, kind, scope, value)
);
create index record_identifier_value on record_identifier (kind, value);

-- People's word: two records are one asset, or never are.
create table record_link (
    a uuid not null references record (id),
    b uuid not null references record (id),
    joined boolean not null,
    primary key (a, b)
);

-- What a person should look at.
create table identity_case (
    a uuid not null references asset (id),
    b uuid not null references asset (id),
    question text not null,
    proof text not null,
    since_at bigint not null,
    primary key (a, b, question)
);
create index identity_case_b on identity_case (b);

-- An asset that was found to be another one keeps its row, so that it can be itself again.
alter table asset add column merged_into uuid;
alter table asset add column merged_tags text;
create index asset_merged on asset (merged_into) where merged_into is not null;

alter table sighting add column record_id uuid;
alter table inspection add column record_id uuid;
alter table report_scope add column record_id uuid;

-- Findings whose asset became another have another id; the one that people wrote down leads there.
create table finding_alias (
    id uuid primary key,
    asset_id uuid not null,
    defect_id bigint not null
);
