-- One text for SQLite and PostgreSQL. What must differ is written in braces and filled in by dialect.rs.
-- Instants are milliseconds since 1970 in UTC, JSON is text, identifiers made by us are uuid.
-- asset_id comes first in every key of what belongs to an asset: it is the distribution key of a sharded installation.

create table meta (
    key text primary key,
    value text not null
);

create table asset (
    id uuid primary key,
    -- Its last eight bytes, which end the public ids of its findings.
    tail bigint not null,
    name text not null,
    way text,
    identity text not null,
    platform text,
    tags text not null,
    services text not null,
    first_seen_at bigint not null,
    last_seen_at bigint not null,
    last_inspected_at bigint,
    last_error text,
    retired_at bigint
);
create unique index asset_name on asset (name) where retired_at is null;
create index asset_tail on asset (tail);

create table asset_identifier (
    asset_id uuid not null references asset (id),
    kind text not null,
    value text not null,
    first_seen_at bigint not null,
    last_seen_at bigint not null,
    primary key (asset_id, kind, value)
);
create index asset_identifier_value on asset_identifier (kind, value);

create table sighting (
    asset_id uuid not null references asset (id),
    source text not null,
    address text not null,
    services text not null,
    ssh_host_key text,
    first_observed_at bigint not null,
    observed_at bigint not null,
    primary key (asset_id, source, address)
);
create index sighting_address on sighting (address);

-- Interned: what estates repeat is kept once. `digest` is over all parts, since they may be longer than an index allows.
create table component (
    id {identity},
    digest text not null unique,
    ecosystem text not null,
    source text not null,
    source_version text not null,
    name text not null,
    version text not null,
    arch text not null,
    path text not null,
    kernel text not null
);

create table package (
    id {identity},
    digest text not null unique,
    ecosystem text not null,
    distribution text not null,
    release text not null,
    name text not null,
    place text not null
);

create table vulnerability (
    id {identity},
    public_id text not null unique
);

-- Parts of inspections by their content: an inspection that reads the same again refers to the same bytes.
create table inspection_part (
    asset_id uuid not null references asset (id),
    digest text not null,
    bytes bytea not null,
    primary key (asset_id, digest)
);

create table inspection (
    asset_id uuid not null references asset (id),
    id uuid not null,
    observed_at bigint not null,
    recorded_at bigint not null,
    way text,
    complete boolean not null,
    knowledge text not null,
    components text,
    facts text not null,
    undecided text not null,
    undecided_count bigint not null,
    primary key (asset_id, id)
);
create index inspection_observed on inspection (asset_id, observed_at, id);

-- A defect: one vulnerability in one package, on whatever asset. `code` is the half of a finding's public id that tells it.
create table defect (
    id {identity},
    digest text not null unique,
    code bigint not null,
    package_id bigint not null references package (id),
    vulnerability_id bigint not null references vulnerability (id)
);
create index defect_code on defect (code);
create index defect_vulnerability on defect (vulnerability_id);

-- What a match says. Machines of one estate have mostly the same.
create table match (
    id {identity},
    digest text not null unique,
    version text not null,
    source text not null,
    advisory text not null,
    status text not null,
    urgency text not null,
    fixed_version text,
    restart_needed boolean not null,
    confidence text not null,
    places bytea not null
);

-- There are millions of the following rows, so they are narrow, refer by number and are not checked against what they refer
-- to one by one: nothing that they refer to is ever removed before them.

-- When and why something was learnt of an asset's findings, and whose word it is. Null: the asset's own.
create table recording (
    asset_id uuid not null,
    seq bigint not null,
    at bigint not null,
    cause text not null,
    record_id uuid,
    primary key (asset_id, seq)
) {by key};

create table finding (
    asset_id uuid not null,
    defect_id bigint not null,
    -- The latest match. Null: found without one.
    match_id bigint,
    state text not null,
    -- Of the first episode. Later ones have rows of their own.
    detected_at bigint not null,
    moved_at bigint not null,
    -- The recording of the first evidence, where the row tells it whole. Zero: all evidence has rows of its own.
    recording bigint not null,
    -- JSON of what is not as it mostly is. Empty: nothing.
    more text not null,
    primary key (asset_id, defect_id)
) {by asset finding};

create table episode (
    asset_id uuid not null,
    defect_id bigint not null,
    number bigint not null,
    opened_by text not null,
    detected_at bigint not null,
    confirmed_at bigint not null,
    ended_at bigint,
    primary key (asset_id, defect_id, number)
) {by key};

create table finding_event (
    asset_id uuid not null,
    defect_id bigint not null,
    seq bigint not null,
    recording bigint not null,
    observed_at bigint not null,
    change text not null,
    fact text not null,
    primary key (asset_id, defect_id, seq)
) {by asset finding_event};

create table scope (
    id uuid primary key,
    name text not null unique,
    selector text not null,
    confidentiality text not null,
    integrity text not null,
    availability text not null,
    exposure text,
    cadence_seconds bigint,
    threshold_tenths bigint
);

create table credential (
    id uuid primary key,
    name text not null unique,
    kind text not null,
    login text not null,
    destinations text not null,
    sudo boolean not null,
    sealed_secret bytea not null,
    sealed_passphrase bytea
);

create table host_key (
    destination text primary key,
    public_key text not null,
    pinned_at bigint not null
);

create table "user" (
    id uuid primary key,
    name text not null unique,
    password_hash text not null,
    role text not null,
    created_at bigint not null
);

create table session (
    id uuid primary key,
    token_hash text not null unique,
    user_id uuid not null references "user" (id),
    created_at bigint not null,
    expires_at bigint not null
);

create table setup_token (
    token_hash text primary key,
    expires_at bigint not null
);

create table job (
    id uuid primary key,
    kind text not null,
    key text not null,
    payload text not null,
    priority bigint not null,
    state text not null,
    run_at bigint not null,
    attempts bigint not null,
    attempts_max bigint not null,
    holder text,
    lease_until bigint,
    last_error text,
    created_at bigint not null,
    ended_at bigint
);
create unique index job_key on job (kind, key) where state in ('ready', 'leased');
create index job_claim on job (state, run_at);

create table schedule (
    name text primary key,
    kind text not null,
    payload text not null,
    every_seconds bigint not null,
    next_at bigint not null
);

create table run (
    asset_id uuid not null references asset (id),
    id uuid not null,
    action text not null,
    plan text not null,
    state text not null,
    detail text not null,
    node text,
    created_at bigint not null,
    output text not null,
    primary key (asset_id, id)
);
create index run_id on run (id);
create index run_state on run (state);

create table run_event (
    asset_id uuid not null,
    run_id uuid not null,
    seq bigint not null,
    at bigint not null,
    detail text not null,
    primary key (asset_id, run_id, seq),
    foreign key (asset_id, run_id) references run (asset_id, id)
);

create table audit (
    seq {identity},
    at bigint not null,
    actor text not null,
    what text not null,
    subject text not null,
    old_value text,
    new_value text
);
