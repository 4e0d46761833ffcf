-- The outbox: what has happened, for whoever follows from outside. Whoever commits takes the next numbers from the head of the
-- change log, so that events become visible in their order and without a gap. Only the oldest are ever forgotten.
alter table change_head add column event_seq bigint not null default 0;
create table event (
    seq bigint primary key,
    at bigint not null,
    kind text not null,
    asset_id uuid,
    finding_id uuid,
    defect_id bigint,
    body text not null
);
-- Who is told of events, and up to which.
create table webhook (
    id uuid primary key,
    url text not null,
    kinds text not null,
    sealed_secret bytea not null,
    created_at bigint not null,
    position text not null,
    delivered_at bigint,
    last_error text
);
