-- What decides who judges a component.
alter table component add column module text not null default '';
alter table component add column origin text not null default '';
alter table component add column owner text not null default '';
alter table component add column cpe text not null default '';
alter table component add column layer text not null default '';
-- A changed advisory asks who has the package.
create index component_source on component (source);
create index component_name on component (name);
