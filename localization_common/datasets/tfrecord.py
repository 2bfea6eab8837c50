"""Records of a TFRecord file, without TensorFlow.

Each record is its length (8 bytes), a checksum of the length, the data and a checksum of the data (4 bytes each, little
endian). Checksums are CRC-32C, rotated by 15 bits and offset by a constant.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from localization_common.datasets.protobuf_messages import require
from localization_common.errors import DatasetError

_OFFSET = 0xA282EAD8


def read_records(path: Path) -> Iterator[bytes]:
    """Data of each record, in order.

    Raises:
        DatasetError: the file is missing, ends within a record, or a checksum does not fit.
    """
    crc32c = require("google_crc32c", "google-crc32c")
    try:
        with path.open("rb") as file:
            while head := file.read(12):
                at = file.tell() - len(head)
                if len(head) < 12:
                    raise DatasetError(f"{path}: ends within a record, at byte {at}; copy it again")
                length, expected = struct.unpack("<QI", head)
                if _masked(crc32c.value(head[:8])) != expected:
                    raise DatasetError(
                        f"{path}: no TFRecord file, or damaged at byte {at}: a length's checksum is wrong"
                    )
                body = file.read(length + 4)
                if len(body) < length + 4:
                    raise DatasetError(f"{path}: ends within a record, at byte {at}; copy it again")
                if _masked(crc32c.value(body[:length])) != struct.unpack("<I", body[length:])[0]:
                    raise DatasetError(
                        f"{path}: damaged: the checksum of the record at byte {at} is wrong; copy it again"
                    )
                yield body[:length]
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error


def _masked(checksum: int) -> int:
    return (((checksum >> 15) | (checksum << 17)) + _OFFSET) & 0xFFFFFFFF
