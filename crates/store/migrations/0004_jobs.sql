-- Lanes, segments, cancelling and progress of jobs.
alter table job add column lane text not null default '';
alter table job add column segment text not null default '';
alter table job add column asked_by text not null default '';
alter table job add column started_at bigint;
alter table job add column cancel_asked_at bigint;
alter table job add column progress_done bigint not null default 0;
alter table job add column progress_total bigint;
alter table job add column progress_text text not null default '';
-- What is claimed next, in order; jobs that have ended are the many and are not in it.
create index job_ready on job (segment, priority, run_at, id) where state = 'ready';
create unique index job_lane on job (lane) where state = 'leased' and lane <> '';
create index job_leased on job (lease_until) where state = 'leased';
create index job_work on job (kind, key, state);
create index job_state on job (state, id);
