"""Swap of a directory for a new one, so that a reader at any moment finds the old or the new one, complete.

Linux exchanges two names in one step. Where a file system cannot, two renames do it: a process that is killed between
them leaves no directory of that name, and the next opening puts the old one back.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from localization_common.errors import MapError

#: Name of the old directory in the working directory between the two renames.
PREVIOUS = "previous"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
#: Errors of systems and file systems that cannot exchange.
_CANNOT = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV}


def working_directory(target: Path) -> Path:
    """Directory in which a place is built, beside it: ``.NAME.building``."""
    real = Path(os.path.realpath(target))
    return real.with_name(f".{real.name}.building")


def put(new: Path, target: Path) -> None:
    """Put a new directory at a path; the old one, if there is one, is then somewhere in the working directory.

    The caller holds the old one (`held`).

    Raises:
        OSError: the file system refuses.
    """
    target = Path(os.path.realpath(target))
    if not target.exists():
        os.rename(new, target)
    elif not exchange(new, target):
        replace_in_two_steps(new, target)
    flush(target.parent)


def exchange(first: Path, second: Path) -> bool:
    """Exchange two paths in one step; False where the system or the file system cannot do it.

    Raises:
        OSError: another reason.
    """
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    names = (os.fsencode(first), os.fsencode(second))
    if renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(first), None, str(second))


def replace_in_two_steps(new: Path, target: Path) -> None:
    """Move the old directory into the working directory, then rename the new one."""
    previous = working_directory(target) / PREVIOUS
    os.rename(target, previous)
    os.rename(new, target)
    os.rename(previous, previous.with_name("replaced"))  # so that `recover` never brings it back


def recover(target: Path) -> None:
    """Put the old directory back if a writer was killed between its two renames.

    A writer that lives holds the old directory: this waits until it has finished.

    Raises:
        MapError: this user may not rename the directory.
    """
    real = Path(os.path.realpath(target))
    previous = working_directory(target) / PREVIOUS
    try:
        while not real.exists() and previous.is_dir():
            with contextlib.suppress(FileNotFoundError), locked(previous):
                if not real.exists():
                    os.rename(previous, real)
    except OSError as error:
        raise MapError(
            f"{target}: a writer was killed while it replaced this place, and {previous} cannot be renamed back "
            f"({error.strerror}): rename it to {real}"
        ) from error


@contextlib.contextmanager
def held(target: Path) -> Iterator[None]:
    """Hold the directory at a path: no other process that holds it, too, swaps it meanwhile.

    Raises:
        MapError: there is no directory.
    """
    with contextlib.ExitStack() as stack:
        while True:
            recover(target)
            try:
                descriptor = stack.enter_context(locked(target))
            except (FileNotFoundError, NotADirectoryError) as error:
                raise MapError(f"{target}: no such directory; give the directory of a place") from error
            if is_at(descriptor, target):
                break
            stack.close()  # it was swapped before it was locked
        yield


@contextlib.contextmanager
def locked(folder: Path, *, wait: bool = True) -> Iterator[int]:
    """Lock a directory, as its descriptor. Some network disks have no locks: there, nothing is locked.

    Raises:
        BlockingIOError: another process holds it, and ``wait`` is False.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise
        except OSError:
            pass
        yield descriptor
    finally:
        os.close(descriptor)


def is_at(descriptor: int, path: Path) -> bool:
    """Return True if the open directory still has this name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def flush(folder: Path) -> None:
    """Write the names in a directory to the disk, where the file system supports it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
