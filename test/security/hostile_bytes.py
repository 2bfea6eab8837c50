"""Damage that any file can have: cuts, flips, other kinds of file, holes, and entries that are no files."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

#: Bytes of content that is kept.
_KEPT = 1 << 25
#: Change of the file at a path.
Damage = Callable[[Path], None]


def cut(share: float) -> Damage:
    """Keep a part of the file."""

    def change(path: Path) -> None:
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])

    return change


def flip(seed: int, count: int) -> Damage:
    """Change some bits, half of them in the first kilobyte, where headers are."""

    def change(path: Path) -> None:
        chance, data = random.Random(seed), bytearray(path.read_bytes())
        for number in range(count):
            end = min(len(data), 1024) if number % 2 else len(data)
            data[chance.randrange(end)] ^= 1 << chance.randrange(8)
        path.write_bytes(data)

    return change


def write(content: bytes | Callable[[], bytes]) -> Damage:
    """Put other content under the name; content that takes long to make and is small is kept for the next file."""
    kept: list[bytes] = []

    def change(path: Path) -> None:
        data = kept[0] if kept else content if isinstance(content, bytes) else content()
        if not kept and len(data) < _KEPT:
            kept.append(data)
        path.write_bytes(data)

    return change


def replaced_by(make: Callable[[Path], None]) -> Damage:
    """Put a directory entry of another kind under the name."""

    def change(path: Path) -> None:
        path.unlink()
        make(path)

    return change


def sparse(size: int) -> Damage:
    """Lengthen the file by a hole: it takes no space on the disk, and has the size of no disk."""
    return lambda path: os.truncate(path, size)


def cut_sparse(share: float, size: int) -> Damage:
    """Keep a part of the file, and lengthen it by a hole."""

    def change(path: Path) -> None:
        cut(share)(path)
        os.truncate(path, size)

    return change


class Exploit:
    """Object whose unpickling runs a program."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        """Return the program."""
        return os.system, ("kill -9 $PPID",)


def zip_bomb() -> bytes:
    """Archive of a gigabyte of zeros."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("data.pkl", "w") as entry:
        for _ in range(256):
            entry.write(bytes(1 << 22))
    return stream.getvalue()


def link_loop(path: Path) -> None:
    """Make two links that lead to each other."""
    other = path.with_name(f"{path.name}.loop")
    path.symlink_to(other)
    other.symlink_to(path)


#: Damage that is made to every kind of file.
EVERY: dict[str, Damage] = {
    "empty": write(b""),
    "one byte": write(b"\0"),
    **{f"cut to {share:.1%}": cut(share) for share in (0.003, 0.1, 0.5, 0.9, 0.999)},
    **{f"flips, seed {seed}": flip(seed, 1 + 3 * seed) for seed in range(6)},
    "ELF program": lambda path: shutil.copyfile("/bin/true", path) and None,
    "pickle": write(pickle.dumps(Exploit())),
    "zip bomb": write(zip_bomb),
    "gzip bomb": write(lambda: gzip.compress(bytes(1 << 26))),
    "100 MB of zeros": sparse(100_000_000),
    "hole of 1 TB": sparse(1 << 40),
    **{f"cut to {share:.1%}, then a hole of 1 TB": cut_sparse(share, 1 << 40) for share in (0.0, 0.003, 0.1, 0.5)},
    "one line of 100 MB": write(lambda: b"7 " * 50_000_000),
    "named pipe": replaced_by(lambda path: os.mkfifo(path)),
    "endless device": replaced_by(lambda path: path.symlink_to("/dev/zero")),
    "loop of links": replaced_by(link_loop),
    "folder": replaced_by(lambda path: path.mkdir()),
    "dangling link": replaced_by(lambda path: path.symlink_to("/nowhere/at/all")),
    "no permission": lambda path: path.chmod(0),
}
