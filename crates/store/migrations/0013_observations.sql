-- What a source saw at an address, as it was: a row for each thing that it saw, by the record that it is a part of, and from when
-- to when it saw just that. Takes the place of sighting, which kept only the latest.
create table observation (
    record_id uuid not null references record (id),
    -- Of everything that was seen, without when.
    digest text not null,
    source text not null,
    site text not null,
    address text not null,
    services text not null,
    ssh_host_key text,
    first_observed_at bigint not null,
    observed_at bigint not null,
    primary key (record_id, digest)
);

insert into observation (record_id, digest, source, site, address, services, ssh_host_key, first_observed_at, observed_at)
select coalesce(record_id, asset_id), source || ' ' || address, source, '', address, services, ssh_host_key, first_observed_at,
       observed_at
from sighting where coalesce(record_id, asset_id) in (select id from record)
order by observed_at desc
on conflict (record_id, digest) do nothing;
delete from sighting;
