-- Why things were learnt, and later episodes, lie by asset like the findings that they are of: in PostgreSQL in as many partitions.
alter table recording rename to recording_whole;
create table recording (
    asset_id uuid not null,
    seq bigint not null,
    at bigint not null,
    cause text not null,
    record_id uuid,
    primary key (asset_id, seq)
) {by asset recording};
insert into recording (asset_id, seq, at, cause, record_id)
    select asset_id, seq, at, cause, record_id from recording_whole;
drop table recording_whole;
alter table episode rename to episode_whole;
create table episode (
    asset_id uuid not null,
    defect_id bigint not null,
    number bigint not null,
    opened_by text not null,
    detected_at bigint not null,
    confirmed_at bigint not null,
    ended_at bigint,
    primary key (asset_id, defect_id, number)
) {by asset episode};
insert into episode (asset_id, defect_id, number, opened_by, detected_at, confirmed_at, ended_at)
    select asset_id, defect_id, number, opened_by, detected_at, confirmed_at, ended_at from episode_whole;
drop table episode_whole;
