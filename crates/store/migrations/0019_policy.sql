-- How priorities are set, as people saved it. The one with the highest number is in use; none: the built-in one.
create table policy (
    version bigint primary key,
    text text not null,
    -- Why it was changed.
    note text not null,
    created_at bigint not null,
    created_by text not null
);
