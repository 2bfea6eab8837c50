"""Hostile text files: numbers, long lines, deep and expanding JSON and YAML."""

from __future__ import annotations

import random
import re
from pathlib import Path

from hostile_bytes import Damage, write

_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[-+]?\d+)?")
_VALUES = (
    "nan",
    "-inf",
    "1e300",
    "-1e300",
    "1e-300",
    "1e999",
    "9" * 30,
    "9" * 5000,
    "-1",
    "0",
    "",
    "x",
    "²",
    "\0",
    "1_000",
)


def number(value: str, seed: int) -> Damage:
    """Replace one number by a text."""

    def change(path: Path) -> None:
        text = path.read_text()
        chosen = random.Random(seed).choice(list(_NUMBER.finditer(text)))
        path.write_text(text[: chosen.start()] + value + text[chosen.end() :])

    return change


def every_number(value: str) -> Damage:
    """Replace all numbers by a text."""
    return lambda path: path.write_text(_NUMBER.sub(value, path.read_text())) and None


def laughs(levels: int, name: str = "camera_matrix") -> bytes:
    """YAML of a few lines whose aliases expand to 10^levels values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join([*lines, f"image_width: 4\nimage_height: 4\n{name}: *a{levels - 1}\n"]).encode()


def merges(levels: int) -> bytes:
    """YAML whose merge keys expand to 10^levels pairs."""
    lines = ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, levels)]
    return "\n".join([*lines, "image_width: 4\n"]).encode()


#: Damage of tables of numbers, and of JSON and YAML with numbers.
TEXTS: dict[str, Damage] = {
    **{f"a number is {value[:12]!r} ({len(value)})": number(value, seed) for seed, value in enumerate(_VALUES)},
    **{f"every number is {value}": every_number(value) for value in ("nan", "1e300", "1e-300", "-1", "0")},
    "a million lines of one word": write(lambda: b"x\n" * 1_000_000),
    "UTF-16": lambda path: path.write_bytes(path.read_text().encode("utf-16")) and None,
    "not UTF-8": lambda path: path.write_bytes(b"\xff\xfe\xfd" + path.read_bytes()) and None,
    "zero bytes": lambda path: path.write_bytes(path.read_bytes().replace(b" ", b"\0")) and None,
}
JSONS: dict[str, Damage] = {
    "nested deeply": write(b"[" * 500_000 + b"]" * 500_000),
    "objects nested deeply": write(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "two million entries": write(lambda: b'{"frames": [' + b"1," * 2_000_000 + b"1]}"),
    "two million lists": write(lambda: b'{"frames": [' + b"[],[]" * 1_000_000 + b"[]]}"),
    "an integer of 100000 digits": write(b'{"frames": ' + b"9" * 100_000 + b"}"),
    "a text of 15 MB": write(lambda: b'{"frames": "' + "😀".encode() * 3_700_000 + b'"}'),
    "NaN": write(b'{"frames": NaN, "w": Infinity}'),
    "an entry twice": write(b'{"frames": [], "frames": [1]}'),
}
YAMLS: dict[str, Damage] = {
    "aliases that expand to 10^9 values": write(laughs(9)),
    "aliases in a name": write(laughs(9, "distortion_model")),
    "merge keys that expand to 10^9": write(merges(9)),
    "an alias of itself": write(b"image_width: &a [*a]\ncamera_matrix: *a\n"),
    "nested deeply": write(b"a: " + b"[" * 60_000),
    "nested deeply and closed": write(b"a: " + b"[" * 30_000 + b"]" * 30_000),
    "a list in a list in a list": write(b"- " * 30_000),
    "an object of Python": write(b"!!python/object/apply:os.system ['kill -9 $PPID']"),
    "an integer in base 60": write(b"image_width: " + b"1:" * 10_000 + b"1"),
    "a key that is a list": write(b"? [1, 2]\n: 3\n"),
    "5 MB": write(lambda: b"a: [" + b"1, " * 1_700_000 + b"1]"),
}
