-- Scanner nodes in other networks. A token is kept as its hash; a removed node stays, for what was done by it.
create table node (
    id uuid primary key,
    name text not null,
    scope_id uuid not null references scope (id),
    token_hash text not null unique,
    public_key text,
    created_at bigint not null,
    last_seen_at bigint,
    removed_at bigint
);
create unique index node_name on node (name) where removed_at is null;
