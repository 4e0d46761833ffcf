-- Which version of Vigie a scanner node said it is. Null: it has not said hello since this is kept.
alter table node add column version text;
