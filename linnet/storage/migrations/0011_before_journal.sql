-- The journal: who may move posts out of it, which ids they were acknowledged under, and that the primary commits.

-- One row: the revision of the lock of whoever drained last. It only rises, so that a late one finds it is too late.
create table drain_epoch (
  one id primary key,
  epoch id not null
);

-- Of two requests for one operation, each acknowledged under its own id, one became the status; the other means it.
create table status_aliases (
  id id primary key,
  status_id id not null
) without rowid;
create index status_aliases_status on status_aliases (status_id);

-- A row that each process writes to see that the primary commits.
create table heartbeats (
  place id primary key,
  beats id not null
);
