"""Outputs of commands: what cannot be written is refused before the work, and named if the disk refuses later."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from localization_common.errors import ConfigError, DatasetError


def require_writable_folder(path: Path, option: str = "output") -> None:
    """Refuse a folder in which no file can be made. A folder that does not exist is made, and removed again.

    Args:
        path: folder that a command will write into.
        option: option that names it, for messages.

    Raises:
        ConfigError: nothing can be written there.
    """
    missing = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except FileExistsError as error:
        raise ConfigError(f"{path}: is a file ({option}); name a folder") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}; {option}); name another place") from error
    finally:
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()


def require_writable_file(path: Path | None, option: str = "output") -> None:
    """Refuse a file that cannot be written; devices and pipes are not tried.

    Args:
        path: file that a command will write; None for no file.
        option: option that names it, for messages.

    Raises:
        ConfigError: the file cannot be written.
    """
    if path is None:
        return
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder ({option}); name a file in it")
    if not path.exists():
        require_writable_folder(path.parent, option)
    elif not os.access(path, os.W_OK):
        raise ConfigError(f"{path}: is write-protected ({option}); type: chmod u+w {path}, or name another file")


@contextlib.contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Turn an error of the disk, while something is written, into one that names the output.

    Raises:
        DatasetError: it cannot be written.
    """
    try:
        yield
    except OSError as error:
        where = error.filename if isinstance(error.filename, str) else path
        raise DatasetError(f"{where}: cannot be written ({error.strerror or error})") from error


def write_output(path: Path, text: str) -> None:
    """Write the text of a result; missing folders are made.

    Raises:
        DatasetError: it cannot be written.
    """
    with writing_to(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
