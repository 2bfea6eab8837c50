"""Stamps of messages as nanoseconds."""

from __future__ import annotations

import struct

from localization_common.errors import InputError
from localization_common.messages.protocols import Header, Time


def stamp_from_time(time: Time) -> int:
    """Nanoseconds of a builtin_interfaces/Time."""
    return int(time.sec) * 1_000_000_000 + int(time.nanosec)


def stamp_of(header: Header) -> int:
    """Nanoseconds of a std_msgs/Header."""
    return stamp_from_time(header.stamp)


def stamp_in(raw: bytes | memoryview) -> int:
    """Nanoseconds of the header at the start of a serialised message (CDR); only the stamp is read.

    Raises:
        InputError: there are fewer bytes than a stamp takes.
    """
    if len(raw) < 12:
        raise InputError(f"message has {len(raw)} bytes, too few for a header: it was cut short")
    little_endian = bool(raw[1] & 1)
    seconds, nanoseconds = struct.unpack_from("<iI" if little_endian else ">iI", raw, 4)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)
