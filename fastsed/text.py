"""Opens every text file that a user hands in: a path in, bytes of UTF-8 or Latin-1 without marks out."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from fastsed.errors import InputError
from fastsed.paths import for_system

_SIGNATURES = (
    (b"SIMPLE  =", "a FITS file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x1f\x8b", "a file compressed by gzip"),
    (b"\xfd7zXZ", "a file compressed by xz"),
    (b"\x28\xb5\x2f\xfd", "a file compressed by zstd"),
    (b"PK\x03\x04", "a zip archive or a spreadsheet"),
    (b"\x93NUMPY", "a numpy file"),
    (b"%PDF-", "a PDF"),
    (b"\x89PNG\r\n", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"\x7fELF", "a program"),
    (b"version https://git-lfs", "the pointer that git leaves in place of a large file (try `git lfs pull`)"),
)
# numbers of so many digits count as the largest one
MANY_DIGITS = 19
_BZIP2 = re.compile(rb"BZh[1-9]1AY&SY")
_MARKUP = re.compile(rb"\s*<(\?xml|!doctype|html|votable)", re.IGNORECASE)
# the marks of UTF-32 begin with those of UTF-16
_MARKS = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_UTF8_MARK = b"\xef\xbb\xbf"
_END_OF_FILE = b"\x1a"
_SAMPLE = 512
_BLANKS = {
    ord(c): " "
    for c in "\u00a0\u1680\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
}
_BLANKS |= {ord(c): "" for c in "\u200b\u2060\ufeff"}
_MINUS = str.maketrans("\u2212\u2013\u2012\ufe63\uff0d", "-----")
_FORTRAN = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+))(?:[dDqQ]([-+]?\d+)|([-+]\d{3}))")
_MISSING = frozenset(
    ["indef", "null", "none", "na", "n/a", "nodata", "masked", "undef", "-", "--", "---", "..."]
)


def read_bytes(path: str | Path) -> bytes:
    """Content of a text file, whatever system wrote it.

    Byte order marks and the end-of-file mark of DOS are removed, UTF-16 and UTF-32 become UTF-8, and blanks other than
    those of ASCII become ordinary ones. Line ends are left to `bytes.splitlines`, which knows those of every system.

    Raises
    ------
    InputError
        Where the file cannot be read, or is not a text; it says what it is.
    """
    data = read_content(path)
    kind = describe_content(data)
    if kind:
        raise InputError(f"is {kind}, where a text file is expected", path)
    return _normalised(data, path)


def read_content(path: str | Path) -> bytes:
    """Content of a file of any kind, as it is.

    Raises
    ------
    InputError
        Where it cannot be read.
    """
    try:
        return Path(for_system(path)).read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {_reason(error, path)}", path) from error
    except ValueError as error:
        raise InputError(f"cannot be read: {error}", path) from error


def _reason(error: OSError, path: str | Path) -> str:
    """Why a file cannot be read; for a relative path also where paths start."""
    text = error.strerror or str(error)
    if isinstance(error, FileNotFoundError) and not Path(path).is_absolute():
        text += f" (paths start at the working directory, '{Path.cwd()}')"
    return text


def describe_content(data: bytes) -> str:
    """What a file is that is no text: "a FITS file"; an empty text for a text."""
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if _BZIP2.match(data):
        return "a file compressed by bzip2"
    if _MARKUP.match(data[:_SAMPLE].removeprefix(_UTF8_MARK)):
        return "a page of HTML or XML, as a failed download may leave it"
    if b"\0" in data and not _wide_encoding(data):
        return "a binary file"
    return ""


def decode(raw: bytes) -> str:
    """Text of bytes: UTF-8 where they are, else Latin-1, which always works."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def parse_number(text: str) -> float | None:
    """The number that a text stands for, also as Fortran writes it (1.0D-3); None where it is none."""
    if not text.isascii():
        text = text.translate(_MINUS)
    try:
        return None if "_" in text else float(text)
    except ValueError:
        pass
    match = _FORTRAN.fullmatch(text)
    return float(f"{match[1]}e{match[2] or match[3]}") if match else None


def whole_number(text: str | bytes) -> int | None:
    """The number that a text of plain digits is, sys.maxsize where it is larger; None for any other text."""
    if not (text.isascii() and text.isdigit()):
        return None
    # Python refuses to convert thousands of digits
    return min(int(text), sys.maxsize) if len(text) < MANY_DIGITS else sys.maxsize


def means_missing(text: str) -> bool:
    """Whether a text is one of the words that tables have for a missing value: INDEF, NULL, --, nothing."""
    return not text or text.lower() in _MISSING


def _wide_encoding(data: bytes) -> str:
    """Encoding of a text of more than one byte per character, after its mark or its null bytes; else empty."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    sample = data[:_SAMPLE]
    even, odd = sample[::2], sample[1::2]
    for nulls, letters, encoding in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if nulls and 2 * nulls.count(0) > len(nulls) and 0 not in letters:
            return encoding
    return ""


def _normalised(data: bytes, path: str | Path) -> bytes:
    """The same text without marks and odd blanks."""
    encoding = _wide_encoding(data) if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data else ""
    if encoding:
        try:
            data = data.decode(encoding).encode("utf-8")
        except UnicodeError as error:
            raise InputError(f"begins as a text in {encoding.upper()} but is damaged", path) from error
    data = data.removeprefix(_UTF8_MARK)
    if data.endswith(_END_OF_FILE):
        data = data.rstrip(_END_OF_FILE)
    if data.isascii():
        return data
    try:
        return data.decode("utf-8").translate(_BLANKS).encode("utf-8")
    except UnicodeDecodeError:
        return data.replace(b"\xa0", b" ")
