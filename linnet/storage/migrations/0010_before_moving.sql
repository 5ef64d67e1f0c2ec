-- Moving in and out: archives that are being made, archives that are being taken in, and which posts came from where.

-- An archive of an account. `cursor` says how far it is; `pending` is the file that is being written at the moment.
create table exports (
  id id primary key,
  account_id id not null,
  state text not null,
  folder text not null,
  cursor text not null,
  pending text,
  done id not null default 0,
  total id not null default 0,
  bytes id not null default 0,
  created_at time not null,
  moved_at time not null,
  expires_at time not null
);
create index exports_account on exports (account_id, id);
create unique index exports_running on exports (account_id) where state = 'running';
create index exports_expiring on exports (expires_at);

-- The archive's bytes in order, and which of its entries end in each piece.
create table export_parts (
  export_id id not null,
  number id not null,
  file_key text not null,
  bytes id not null,
  entries text not null,
  primary key (export_id, number)
) without rowid;

create table imports (
  id id primary key,
  account_id id not null,
  kind text not null,
  options text not null,
  name text not null,
  state text not null,
  file_key text not null,
  cursor text not null,
  bytes id not null,
  done id not null default 0,
  total id not null default 0,
  imported id not null default 0,
  skipped id not null default 0,
  refused id not null default 0,
  error text,
  created_at time not null,
  moved_at time not null
);
create index imports_account on imports (account_id, id);
create unique index imports_running on imports (account_id) where state = 'running';
create index imports_moved on imports (moved_at);

-- What was found in it, in the order in which it is taken in: `rank`, then time. `target` is what an item has become.
create table import_items (
  import_id id not null,
  rank id not null,
  at time not null,
  number id not null,
  kind text not null,
  payload text not null,
  target id,
  primary key (import_id, rank, at, number)
) without rowid;
create index import_items_target on import_items (import_id, target) where target is not null;

-- Where the media of an archive lie: in the archive itself (`place`), or unpacked.
create table import_files (
  import_id id not null,
  name word not null,
  place text not null,
  file_key text,
  primary key (import_id, name)
) without rowid;

-- What was not taken in, and why; bounded.
create table import_lines (
  import_id id not null,
  number id not null,
  item text not null,
  why text not null,
  primary key (import_id, number)
) without rowid;

-- Which post of ours is which post of elsewhere: nothing is taken in twice, and no two imports choose the same id.
create table imported_statuses (
  account_id id not null,
  source word not null,
  status_id id not null unique,
  primary key (account_id, source)
) without rowid;
