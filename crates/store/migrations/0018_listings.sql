-- That a source listed everything of a kind: only from these is known that a thing is not there any more.
create table listing (
    source text not null,
    kind text not null,
    taken_at bigint not null,
    -- How many things of the kind were there.
    things bigint not null,
    primary key (source, kind, taken_at)
);

-- What a source said last of a thing, by the record that it is a part of.
create table listed (
    record_id uuid primary key references record (id),
    source text not null,
    kind text not null,
    fleet text,
    image text,
    started_at bigint,
    -- The latest listing that had it, and when the thing had ended by that.
    listed_at bigint not null,
    ended_at bigint
);
