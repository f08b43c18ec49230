"""Text files of every system and editor are opened alike, and what is no text is named."""

from __future__ import annotations

import gzip
import math
import sys

import pytest

from fastsed.errors import InputError
from fastsed.text import decode, describe_content, means_missing, parse_number, read_bytes, whole_number

TEXT = "# id F1\n1 2.5\n"


@pytest.fixture
def write(tmp_path):
    def _write(data: bytes):
        path = tmp_path / "some.txt"
        path.write_bytes(data)
        return path

    return _write


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_marks_and_encodings(write, encoding):
    assert read_bytes(write(TEXT.encode(encoding))) == TEXT.encode()


def test_big_endian_mark(write):
    assert read_bytes(write(b"\xfe\xff" + TEXT.encode("utf-16-be"))) == TEXT.encode()


def test_plain_text_is_left_alone(write):
    for data in (b"", b"a\r\nb\rc\n", "Å é\n".encode(), b"\xe5\xff\n"):
        assert read_bytes(write(data)) == data


def test_blanks_of_typesetters(write):
    assert (
        read_bytes(write("1\u00a02\u30033\u200b\u2003\n".replace("\u3003", "\u3000").encode())) == b"1 2 3 \n"
    )
    assert read_bytes(write(b"1\xa02 \xe9\n")) == b"1 2 \xe9\n"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("007", 7),
        (b"42", 42),
        ("9" * 18, 10**18 - 1),
        ("9" * 5000, sys.maxsize),
        (b"1" * 19, sys.maxsize),
    ]
    + [(text, None) for text in ("", "-1", "+1", "1.", "1e3", " 1", "\u00b2", "\u0663", b"1 ", b"\xb2")],
)
def test_whole_numbers(text, number):
    assert whole_number(text) == number


def test_end_of_file_of_dos(write):
    assert read_bytes(write(b"1 2\r\n\x1a")) == b"1 2\r\n"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"SIMPLE  =                    T", "a FITS file"),
        (b"\x89HDF\r\n\x1a\n\0\0", "an HDF5 file"),
        (gzip.compress(b"# id"), "a file compressed by gzip"),
        (b"BZh91AY&SY\0", "a file compressed by bzip2"),
        (b"PK\x03\x04\0", "a zip archive or a spreadsheet"),
        (b"\n<!DOCTYPE html>\n<html>", "a page of HTML or XML"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><VOTABLE>", "a page of HTML or XML"),
        (b"version https://git-lfs.github.com/spec/v1\n", "the pointer that git leaves"),
        (b"1 2\0\x03\xff", "a binary file"),
    ],
)
def test_no_text(write, data, kind):
    assert describe_content(data).startswith(kind)
    with pytest.raises(InputError, match=rf"some\.txt: is {kind}"):
        read_bytes(write(data))


def test_words_that_begin_like_other_files():
    for data in (b"BZh is an id\n", b"SIMPLE = 1\n", b"PK 1\n", b"<5 sigma\n"):
        assert describe_content(data) == ""


def test_damaged_encoding(write):
    with pytest.raises(InputError, match=r"begins as a text in UTF-16 but is damaged"):
        read_bytes(write(b"\xff\xfea\0b"))


def test_missing_file_says_where_paths_start(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        InputError, match=f"none: cannot be read: No such file.*working directory, '{tmp_path}'"
    ):
        read_bytes("none")
    with pytest.raises(InputError, match=r"none: cannot be read: No such file or directory$"):
        read_bytes(tmp_path / "none")
    with pytest.raises(InputError, match=r"cannot be read: .*null"):
        read_bytes("no\0ne")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.0D-3", 1e-3),
        ("-2.5d+02", -250),
        (".5D0", 0.5),
        ("1.5-101", 1.5e-101),
        ("\u22121.5", -1.5),
        ("1e3", 1000),
        ("inf", math.inf),
    ],
)
def test_numbers(text, number):
    assert parse_number(text) == number


@pytest.mark.parametrize("text", ["1_0", "D3", "1D", "1,5", "", "--", "1-2", "0x10", "one"])
def test_no_numbers(text):
    assert parse_number(text) is None


def test_missing_values():
    assert all(map(means_missing, ["INDEF", "--", "NULL", "", "n/a", "None"]))
    assert not any(map(means_missing, ["?", "****", "0", "x"]))
    assert math.isnan(parse_number("nan"))


def test_decode():
    assert decode("é".encode()) == decode("é".encode("latin-1")) == "é"
