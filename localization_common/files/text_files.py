"""Lines of small text files of any program: with byte order marks, Windows line ends, blank lines, comments."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from localization_common.errors import DatasetError
from localization_common.files.reading import open_file, read_bytes

#: Bytes of a text that is read as a whole, and of one line; COLMAP's longest lines have the features of one picture.
MAX_TEXT, _MAX_LINE = 1 << 24, 1 << 22
#: Bytes of a table that are read at a time.
_BLOCK = 1 << 18
_OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def read_text(path: Path, *, most: int = MAX_TEXT) -> str:
    """Contents of a UTF-8 file, without its byte order mark.

    Args:
        path: path of the file.
        most: largest number of bytes.

    Raises:
        DatasetError: the file is missing, too large, or is not UTF-8.
    """
    try:
        raw = read_bytes(path, most)
    except OSError as error:
        raise _unreadable(path, error) from error
    _require_one_byte_code(path, raw)
    return _decoded(path, raw, 0).removeprefix("\ufeff")


def all_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers (from 1) and stripped lines of a text file, one after the other, with empty lines.

    Raises:
        DatasetError: the file is missing, not UTF-8, or a line is too long.
    """
    number, place, rest = 0, 0, b""
    try:
        with open_file(path) as file:
            while True:
                block = file.read(_BLOCK)
                part = rest + block
                end = part.rfind(b"\n") + 1 if block else len(part)
                part, rest = part[:end], part[end:]
                if len(rest) > _MAX_LINE:
                    raise DatasetError(
                        f"{path}:{number + 1}: the line has more than {_MAX_LINE} bytes; this is no table of poses or "
                        "pictures"
                    )
                if place == 0:
                    _require_one_byte_code(path, part or rest)
                for line in _decoded(path, part, place).removeprefix("" if place else "\ufeff").splitlines():
                    number += 1
                    yield number, line.strip()
                place += len(part)
                if not block:
                    return
    except OSError as error:
        raise _unreadable(path, error) from error


def read_lines(path: Path, *, comment: str = "#") -> Iterator[tuple[int, str]]:
    """Line numbers (from 1) and stripped lines of a text file, one after the other, without empty lines.

    Args:
        path: UTF-8 file.
        comment: lines that start with this are left out; if empty, no lines are left out.

    Raises:
        DatasetError: the file is missing, not UTF-8, or without any line.
    """
    empty = True
    for number, line in all_lines(path):
        if line and not (comment and line.startswith(comment)):
            empty = False
            yield number, line
    if empty:
        raise DatasetError(f"{path}: is empty")


def _unreadable(path: Path, error: OSError) -> DatasetError:
    if isinstance(error, FileNotFoundError):
        return DatasetError(f"{path}: no such file; is the path right, and was everything copied?")
    return DatasetError(f"{path}: cannot be read ({error.strerror})")


def _require_one_byte_code(path: Path, raw: bytes) -> None:
    encoding = next((name for mark, name in _OTHER_ENCODINGS.items() if raw.startswith(mark)), None)
    if encoding is not None:
        raise DatasetError(f"{path}: is {encoding} text; save it as UTF-8 (iconv -f {encoding} -t UTF-8)")


def _decoded(path: Path, raw: bytes, place: int) -> str:
    """Text of bytes that begin at a place of the file."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: is not UTF-8 text ({error.reason} at byte {place + error.start})") from error
