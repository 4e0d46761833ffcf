-- What has changed since when, for whoever keeps lists in memory: one row an asset with the number of its latest change, so
-- that the log never outgrows the estate and can be followed from any number. The nil UUID stands for what all assets depend
-- on: the scopes. Whoever commits a change takes the next number and holds the head until the transaction ends, so a number
-- is never seen before a smaller one. The epoch tells one log from another.
create table asset_change (
    asset_id uuid primary key,
    seq bigint not null
);
create index asset_change_seq on asset_change (seq, asset_id);
create table change_head (
    id bigint primary key,
    seq bigint not null,
    epoch text not null
);
