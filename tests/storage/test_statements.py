"""Named statements: read from text, turned into each driver's form, refused where they are not right."""

import pytest

from linnet.storage import statements
from linnet.storage.statements import parse, statement


def test_parameters_become_places_in_one_order_for_both_engines():
    found = statement("t", "select :b::text, ':c', a from x where a = :a and b = :b")
    assert found.params == ("b", "a")
    assert found.sqlite == "select ?1::text, ':c', a from x where a = ?2 and b = ?1"
    assert found.postgres == "select $1::text, ':c', a from x where a = $2 and b = $1"
    assert found.sqlite_places({"a": 1, "b": 2, "more": 3}) == [2, 1]
    assert found.postgres_places({"a": 1, "b": 2}) == [2, 1]
    with pytest.raises(KeyError):
        found.postgres_places({"a": 1})


def test_lists_go_as_json_and_as_arrays():
    found = statement("t", "delete from x where a in (:ids...) or b not in (:names...)")
    assert found.sqlite == (
        "delete from x where a in (select value from json_each(?1)) or b not in (select value from json_each(?2))"
    )
    assert found.postgres == "delete from x where a = any($1) or b <> all($2)"
    values = {"ids": {3}, "names": ("ä", '"')}
    assert found.sqlite_places(values) == ["[3]", '["ä","\\""]']
    assert found.postgres_places(values) == [[3], ["ä", '"']]


def test_a_paged_statement_has_a_twin_that_reads_upwards():
    found = statement("t", "select id from x where a = :a and :page(x.id)")
    assert found.postgres.endswith("x.id < $2 and x.id > $3 order by x.id desc limit $4")
    assert found.ascending is not None
    assert found.ascending.postgres.endswith("order by x.id asc limit $4")
    assert found.params == found.ascending.params == ("a", "max_id", "min_id", "limit")
    assert statement("t", "select 1").ascending is None


def test_an_engine_with_a_text_of_its_own_takes_the_same_values():
    found = statement("t", "select :a, :b", "select :b, :a, :b")
    assert found.params == ("a", "b")
    assert found.postgres == "select $2, $1, $2"
    with pytest.raises(ValueError, match="different parameters"):
        statement("t", "select :a", "select :b")


def test_many_parameters_keep_their_places():
    names = [f"p{chr(97 + n)}" for n in range(12)]
    shared = ", ".join(f":{name}" for name in names)
    backwards = ", ".join(f":{name}" for name in reversed(names))
    found = statement("t", f"select {shared}", f"select {backwards}")
    assert found.postgres == "select " + ", ".join(f"${n}" for n in range(12, 0, -1))


def test_comments_go_and_a_name_stands_once():
    assert parse("-- name: a\n-- why\nselect 1 -- what\n  from x;\n\n-- name: b\nselect 2;\n") == {
        "a": "select 1 from x",
        "b": "select 2",
    }
    with pytest.raises(ValueError, match="twice"):
        parse("-- name: a\nselect 1\n-- name: a\nselect 2")


def test_an_unknown_name_is_an_attribute_error():
    loaded = statements.load("receipts")
    assert set(loaded.names()) == {"open", "close", "file", "filed", "known"}
    with pytest.raises(AttributeError, match=r"receipts\.sql"):
        _ = loaded.nothing
