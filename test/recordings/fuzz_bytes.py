"""Damage to the bytes of a file: flips, lengths that are far too large, holes, cuts; from a seed."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterable

#: Four or eight bytes for length fields.
_LENGTHS = [b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\0\0\0\x10", b"\xff" * 8, b"\0" * 7 + b"\x40"]


class Guarded:
    """Parts of a file in which a change cannot be found: pixels and numbers without a checksum."""

    def __init__(self, file: bytes, contents: Iterable[bytes]) -> None:
        found = sorted((place, place + len(one)) for one in contents if one and (place := file.find(one)) >= 0)
        self._starts = [start for start, _ in found]
        self._ends = [end for _, end in found]

    def touches(self, start: int, end: int) -> bool:
        """Return True if a range overlaps one of these parts."""
        before = bisect_right(self._starts, end - 1) - 1
        return before >= 0 and self._ends[before] > start


def damage(file: bytes, chance: random.Random, guarded: Guarded) -> tuple[bytes, str]:
    """Damage a file in one way, described in words; guarded parts are not damaged, except by cuts."""
    if chance.random() < 0.2:
        return _cut(file, chance)
    data, done = bytearray(file), []
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        kind = chance.choice(["flip", "flip", "byte", "length", "zeros", "delete", "insert"])
        size = {"flip": 1, "byte": 1, "length": 8, "insert": 1}.get(kind) or chance.choice([1, 8, 64, 700])
        place = _place(len(file), size, chance, guarded)
        if place is None or (done and kind in ("delete", "insert")):
            continue
        done.append(f"{kind} {size} at {place}")
        if kind == "flip":
            data[place] ^= 1 << chance.randrange(8)
        elif kind == "byte":
            data[place] = chance.randrange(256)
        elif kind == "length":
            length = chance.choice(_LENGTHS)
            data[place : place + len(length)] = length
        elif kind == "zeros":
            data[place : place + size] = bytes(size)
        elif kind == "delete":
            del data[place : place + size]
            break
        else:
            data[place:place] = chance.randbytes(chance.choice([1, 4, 50]))
            break
    return bytes(data), ", ".join(done) or "nothing"


def spoil_records(file: bytes, chance: random.Random) -> tuple[bytes, str]:
    """Leave out, double or swap a record of an MCAP file, or cut the file behind it."""
    places, place = [], 8
    while place + 9 <= len(file) - 8:
        end = place + 9 + int.from_bytes(file[place + 1 : place + 9], "little")
        places.append((place, end))
        place = end
    parts = [file[start:end] for start, end in places]
    kind = chance.choice(["leave out", "double", "swap", "end behind"])
    i, j = chance.randrange(len(parts)), chance.randrange(len(parts))
    what = f"{kind} record {i} of {len(parts)} (kind {parts[i][0]})"
    if kind == "leave out":
        del parts[i]
    elif kind == "double":
        parts.insert(j, parts[i])
    elif kind == "swap":
        parts[i], parts[j] = parts[j], parts[i]
    else:
        return file[: places[i][1]], f"cut: {what}"
    return file[:8] + b"".join(parts) + file[-8:], what


def _cut(file: bytes, chance: random.Random) -> tuple[bytes, str]:
    near_end = max(0, len(file) - chance.randint(1, 600))  # the place of indices
    size = near_end if chance.random() < 0.3 else chance.randrange(len(file))
    return file[:size], f"cut at {size} of {len(file)}"


def _place(length: int, size: int, chance: random.Random, guarded: Guarded) -> int | None:
    """Choose a random place that is not guarded, more often near both ends of large files."""
    for _ in range(50):
        place = chance.randrange(max(1, length - size))
        if chance.random() < 0.3:
            place = chance.choice([place % 600, max(0, length - size - place % 3000)])
        if place + size <= length and not guarded.touches(place, place + size):
            return place
    return None
