"""JSON and JSON Lines files: what is read, and what each broken file's error says."""

import bz2
import gzip
import json
import lzma
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from cascade.base.errors import DataError
from cascade.base.records import read_records

# Without the time of day: workers must collect the same tests.
ZIPPED = gzip.compress(b'{"x": 1}\n' * 1000, mtime=0)

OBJECTS = st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.none(), max_size=3), max_size=5)


@given(OBJECTS, st.booleans(), st.booleans(), st.booleans())
def test_every_form_of_a_file_gives_its_objects(tmp_path_factory, objects, as_list, indented, zipped):
    if as_list:
        text = json.dumps(objects, indent=2 if indented else None)
    else:
        text = "".join(
            json.dumps(one, ensure_ascii=False) + ("\n\n" if indented else "\n") for one in objects
        )
    content = text.encode("utf-8", "surrogatepass")
    path = tmp_path_factory.mktemp("records") / "any-name"
    path.write_bytes(gzip.compress(content) if zipped else content)
    assert [dict(record.fields) for record in read_records(path)] == objects


def test_a_record_knows_its_place(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"x": 1}\n\n{"x": 2}\n')
    assert [str(record.place) for record in read_records(path)] == [f"{path}, line 1", f"{path}, line 3"]
    path.write_text('[{"x": 1},\n {"x": 2}]')
    assert [str(record.place) for record in read_records(path)] == [f"{path}, record 1", f"{path}, record 2"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"x": 1}\n{"x": \n', "line 2: not JSON"),
        (b'[{"x": 1},\n{"x": }]', "line 2: not JSON"),
        (b'{"x": 1}\n[1]\n', "line 2: must be a JSON object, not a list"),
        (b'{"x": 1}\n7\n', "line 2: must be a JSON object, not a number"),
        (b"[{}, null]", "record 2: must be a JSON object, not null"),
        (b'{"x": "\xff"}', "not a UTF-8 text file"),
        (ZIPPED[:-20], "cannot be read"),
        (ZIPPED[:20] + b"\x00" * 9, "cannot be read"),
    ],
)
def test_a_broken_file_is_one_line_that_names_it(tmp_path, content, says):
    path = tmp_path / "broken.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        list(read_records(path))
    assert str(path) in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named():
    with pytest.raises(DataError, match=r"nowhere.jsonl: no such file"):
        list(read_records(Path("nowhere.jsonl")))


@pytest.mark.parametrize(
    ("fields", "ask", "says"),
    [
        ({}, lambda record: record.text("t"), "field `t` is missing (fields found: none)"),
        ({"a": 1}, lambda record: record.text("t"), "field `t` is missing (fields found: a)"),
        ({"t": 1}, lambda record: record.text("t"), "field `t` must be a string, not a number"),
        ({"t": True}, lambda record: record.text("t"), "field `t` must be a string, not a boolean"),
        ({"t": {}}, lambda record: record.text("t"), "field `t` must be a string, not an object"),
        ({"t": ["a", 1]}, lambda record: record.texts("t"), "field `t` must be a list of strings"),
        ({"t": -1}, lambda record: record.natural("t"), "field `t` must be a non-negative integer, not -1"),
        ({"t": True}, lambda record: record.natural("t"), "must be a non-negative integer, not True"),
    ],
)
def test_a_wrong_field_is_named_with_its_place(tmp_path, fields, ask, says):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(fields))
    (record,) = read_records(path)
    with pytest.raises(DataError) as caught:
        ask(record)
    assert str(caught.value).startswith(f"{path}, line 1: ")
    assert says in str(caught.value)


@pytest.mark.parametrize("form", ["utf-16", "bzip2", "xz", "commas"])
def test_files_as_people_have_them(tmp_path, form):
    text = '{"a": 1}\n\n{"a": 2}\n'
    data = {
        "utf-16": text.encode("utf-16"),
        "bzip2": bz2.compress(text.encode()),
        "xz": lzma.compress(text.encode()),
        "commas": text.replace("}", "},").encode(),
    }[form]
    (tmp_path / "r.jsonl").write_bytes(data)
    assert [record.fields for record in read_records(tmp_path / "r.jsonl")] == [{"a": 1}, {"a": 2}]


def test_an_archive_is_to_be_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "r.zip", "w") as archive:
        archive.writestr("r.jsonl", "{}")
    with pytest.raises(DataError, match=r"r\.zip: a zip archive; unpack it"):
        list(read_records(tmp_path / "r.zip"))
