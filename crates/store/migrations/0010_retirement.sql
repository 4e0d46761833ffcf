-- Whole looks at ranges: only from these is known that something did not answer. One that was broken off has no end, and one
-- that counts for nothing says why.
create table sweep (
    id uuid primary key,
    source text not null,
    site text not null,
    network text not null,
    -- What was left alone, and what was knocked at.
    excluded text not null,
    ports text not null,
    started_at bigint not null,
    ended_at bigint,
    complete boolean not null,
    reason text,
    answered bigint not null
);
create index sweep_started on sweep (started_at);

-- How and why an asset was retired, and the last contact with one that does not answer.
alter table asset add column retired_as text;
alter table asset add column retired_because text;
alter table asset add column unreachable_since bigint;
-- The first and the latest try to look inside that nothing answered, since something did.
alter table asset add column unanswered_first_at bigint;
alter table asset add column unanswered_at bigint;
