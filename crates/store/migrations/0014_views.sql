-- Lists that people come back to. Filter and order are texts, which each reader reads anew.
create table saved_view (
    id uuid primary key,
    name text not null,
    filter text not null,
    sort text not null,
    owner text not null,
    shared boolean not null,
    created_at bigint not null,
    unique (owner, name)
);
-- Of events about findings a webhook is told those of findings that the filter holds. Empty: all.
alter table webhook add column filter text not null default '';
