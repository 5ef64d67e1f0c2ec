-- Reason: PostgreSQL's full-text search is a type and an index, SQLite's is a virtual table.
create table status_search (
  status_id bigint primary key,
  terms tsvector not null
);
create index status_search_terms on status_search using gin (terms) with (fastupdate = on);
