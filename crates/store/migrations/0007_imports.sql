-- What other tools report. A scope is what one tool looks at in one asset; an entry is one result of it, which points to the
-- finding that it stands for. An entry without gone_at is in the scope's latest report.
create table report_scope (
    asset_id uuid not null references asset (id),
    id uuid not null,
    digest text not null,
    tool text not null,
    category text not null,
    branch text not null,
    path text not null,
    observed_at bigint not null,
    recorded_at bigint not null,
    primary key (asset_id, id)
);
create unique index report_scope_digest on report_scope (asset_id, digest);

create table report_entry (
    asset_id uuid not null,
    scope_id uuid not null,
    identity text not null,
    -- The finding's public id as text: entries are read and asked for as lists, and JSON has no uuid.
    finding text not null,
    rule text not null,
    severity text not null,
    message text not null,
    path text not null,
    url text not null,
    object text not null,
    line bigint,
    suppressed text,
    first_at bigint not null,
    gone_at bigint,
    primary key (asset_id, scope_id, identity),
    foreign key (asset_id, scope_id) references report_scope (asset_id, id)
);
create index report_entry_finding on report_entry (finding);
