-- Entries of the audit trail are chained: each carries the hash of the one before. The head says where the chain ends, so
-- that a removed end is noticed; whoever appends holds it until the transaction ends. It comes with the first entry.
alter table audit add column previous text not null default '';
alter table audit add column hash text not null default '';
create table audit_head (
    id bigint primary key,
    seq bigint not null,
    hash text not null
);
