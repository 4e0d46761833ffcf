-- Of a change that concerns some findings of an asset only, these are named: whoever keeps lists reads them, and nothing else
-- of the asset. `whole_seq` is the latest change of more than that, and `defects` are the numbers since then, each with a comma
-- behind it.
alter table asset_change add column whole_seq bigint not null default 0;
alter table asset_change add column defects text not null default '';
update asset_change set whole_seq = seq;
