-- Full-text search over statuses. What is indexed are our own tokens (domain/text_search.py), so that both engines find
-- the same, scripts without spaces included; the words themselves stand in status_contents and are not kept twice.
create virtual table status_search using fts5 (terms, content='', contentless_delete=1, tokenize='ascii');
