"""Atomic writes: a file is written completely or not at all, also if the writer is killed or two write at once."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from localization_common.errors import CheckpointError, ConfigError
from localization_common.files.paths import user_path

#: Ending of the temporary file. Its name is ``.NAME.XXXXXXXX.tmp``, in the folder of the file NAME.
_ASIDE = ".tmp"
_RANDOM_BYTES = 4


def write_whole(path: str | Path, data: bytes) -> None:
    """Write a temporary file, then rename it: no reader sees a part of it, and an older file stays until then.

    Missing folders are made. A symbolic link stays a link: the file that it leads to is replaced. The replaced file's
    mode and, where the process may, its owner are kept; a new file's mode follows the umask. The data and its name are
    on the disk when the function returns. Temporary files of killed writers of the same file are deleted.

    Raises:
        CheckpointError: the file cannot be written there.
    """
    try:
        path = user_path(path, "file to write")
        target = _target(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        _delete_leftovers(target)
        with _aside(target) as (descriptor, temporary):
            _write(descriptor, data)
            _keep_mode_and_owner(descriptor, target)
            os.fsync(descriptor)
            os.replace(temporary, target)
        _flush_folder(target.parent)
    except ConfigError as error:
        raise CheckpointError(str(error)) from error
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be written ({error})") from error


def _target(path: Path) -> Path:
    """File that will be replaced, behind all symbolic links.

    Raises:
        CheckpointError: the path must not be replaced.
    """
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise CheckpointError(f"{path}: is a symbolic link that leads back to itself; delete it or name another file")
    if target.is_dir():
        raise CheckpointError(f"{path}: is a folder; name a file in it")
    if target.exists() and not target.is_file():
        raise CheckpointError(f"{path}: is a device or a pipe, not a file; name another file")
    if target.exists() and not os.access(target, os.W_OK):
        raise CheckpointError(f"{path}: is write-protected; type: chmod u+w {target}, or name another file")
    return target


@contextlib.contextmanager
def _aside(target: Path) -> Iterator[tuple[int, Path]]:
    """Open a new file beside the target, as descriptor and path.

    It is locked while its writer lives, and deleted at the end if it still exists.
    """
    while True:
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(_RANDOM_BYTES)}{_ASIDE}")
        # Only the owner may read a file that replaces one; see `_keep_mode_and_owner`. A new one follows the umask.
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600 if target.exists() else 0o666)
        try:
            with contextlib.suppress(OSError):  # some network disks have no locks; leftovers stay there
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not _is_at(descriptor, temporary):
                continue  # another writer found it before it was locked, and deleted it as a leftover
            yield descriptor, temporary
            return
        finally:
            temporary.unlink(missing_ok=True)
            os.close(descriptor)


def _delete_leftovers(target: Path) -> None:
    """Delete files that killed writers of this target left: a killed writer holds no lock."""
    length = len(f".{target.name}.") + 2 * _RANDOM_BYTES + len(_ASIDE)
    for name in os.listdir(target.parent):
        if not (len(name) == length and name.startswith(f".{target.name}.") and name.endswith(_ASIDE)):
            continue
        leftover = target.with_name(name)
        try:
            descriptor = os.open(leftover, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue  # renamed meanwhile, or another user's
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, leftover):
                leftover.unlink(missing_ok=True)
        except OSError:
            pass  # its writer lives, or there are no locks here
        finally:
            os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    """Return True if the open file still has this name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _write(descriptor: int, data: bytes) -> None:
    unwritten = memoryview(data)
    while unwritten:
        unwritten = unwritten[os.write(descriptor, unwritten) :]


def _keep_mode_and_owner(descriptor: int, target: Path) -> None:
    try:
        before = target.stat()
    except FileNotFoundError:
        return
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        with contextlib.suppress(OSError):  # only root may give files away
            os.fchown(descriptor, before.st_uid, before.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))


def _flush_folder(folder: Path) -> None:
    """Write the new name to the disk, where the file system supports it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
