"""Opening of files that users name, within limits: no pipe or device is waited for, no file fills the memory."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

#: Kinds of directory entries that are no files, for messages.
_OTHER_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_file(path: str | Path) -> io.BufferedReader:
    """Open a file to read its bytes. A pipe without a writer would hang the program, and a device has no end.

    Raises:
        OSError: there is no such file, it cannot be read, or it is no regular file; ``strerror`` gives the reason.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a name with a zero byte
        raise OSError(errno.EINVAL, f"no file can have this name: {error}", str(path)) from error
    try:
        require_regular(os.fstat(descriptor), path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def require_regular(found: os.stat_result, path: str | Path) -> None:
    """Refuse a directory entry that is no regular file.

    Raises:
        OSError: it is a folder, a pipe, a socket or a device.
    """
    if not stat.S_ISREG(found.st_mode):
        kind = next((name for check, name in _OTHER_KINDS if check(found.st_mode)), "of an unknown kind")
        raise OSError(errno.EINVAL, f"it is {kind}, not a file", str(path))


def read_bytes(path: str | Path, most: int) -> bytes:
    """Read the bytes of a whole file.

    Args:
        path: path of the file.
        most: largest number of bytes.

    Raises:
        OSError: see `open_file`; or the file is larger.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise OSError(errno.EFBIG, f"it has {size} bytes, at most {most} are read", str(path))
        return file.read(most)
