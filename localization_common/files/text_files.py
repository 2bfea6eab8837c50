"""Lines of small text files of any program: with byte order marks, Windows line ends, blank lines, comments."""

from __future__ import annotations

import codecs
from pathlib import Path

from localization_common.errors import DatasetError

_OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def read_text(path: Path) -> str:
    """Contents of a UTF-8 file, without its byte order mark.

    Raises:
        DatasetError: the file is missing, or is not UTF-8.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such file; is the path right, and was everything copied?") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    encoding = next((name for mark, name in _OTHER_ENCODINGS.items() if raw.startswith(mark)), None)
    if encoding is not None:
        raise DatasetError(f"{path}: is {encoding} text; save it as UTF-8 (iconv -f {encoding} -t UTF-8)")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start})") from error


def read_lines(path: Path, *, comment: str = "#") -> list[tuple[int, str]]:
    """Line numbers (from 1) and stripped lines of a text file, without empty lines.

    Args:
        path: UTF-8 file.
        comment: lines that start with this are left out; if empty, no lines are left out.

    Raises:
        DatasetError: the file is missing, not UTF-8, or without any line.
    """
    lines = [(number, line.strip()) for number, line in enumerate(read_text(path).splitlines(), 1)]
    kept = [(number, line) for number, line in lines if line and not (comment and line.startswith(comment))]
    if not kept:
        raise DatasetError(f"{path}: is empty")
    return kept
