"""Check for blocks of a JPEG that are brighter than white or darker than black: a sign of damage without a warning.

A block of 8x8 pixels stores the difference of its mean to that of the block before. After a wrong bit, all later blocks
are off by the same amount; after several, most pictures leave the range of pixels. No camera makes such a picture. The
decoder would clip the values, so the means are decoded alone, and smaller: in a copy of the picture, the quantisation
tables are replaced by one for the mean and zeros for all other coefficients.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.messages.jpeg_header import FRAMES, SCAN, segments

_TABLES = 0xDB
#: Segment of Adobe's for components that are channels. Without it, the decoder would mix brightness and colour.
_CHANNELS = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
#: Largest mean of a block in the scale of JPEG, and the factor by which encoders with a coarse arithmetic exceed it.
_LARGEST, _SLACK = 1024.0, 1.05


def means_only(data: bytes) -> tuple[bytes, npt.NDArray[np.float64]]:
    """JPEG of the means alone, and the largest distance of its channels (C,) from 128.

    Each value of that JPEG is 128 plus an eighth of a block's mean in units of the quantisation.
    """
    parts, steps, used, begin = [data[:2], _CHANNELS], {}, [0], 0
    for marker, start, end in segments(data):
        begin = start - 4
        if marker == _TABLES:
            tables, found = _replaced(data[start:end])
            parts.append(data[begin:start] + tables)
            steps.update(found)
        elif marker in FRAMES:
            used = [data[start + 8 + 3 * channel] for channel in range(data[start + 5])]
        if marker not in (_TABLES, SCAN, 0xFE) and not 0xE0 <= marker <= 0xEF:
            parts.append(data[begin:end])
    limits = [_LARGEST * _SLACK / max(1, steps.get(table, 1)) / 8.0 + 2.0 for table in used]
    return b"".join([*parts, data[begin:]]), np.array(limits)


def beyond_range(means: npt.NDArray[np.uint8], limits: npt.NDArray[np.float64]) -> bool:
    """Return True if a value of the decoded means (H, W) or (H, W, C) is further from 128 than its channel's limit.

    Where the quantisation is one (the highest quality), values are clipped at the limit, and no damage is found.
    """
    distance = np.abs(means.astype(np.int16) - 128).reshape(-1, len(limits)).max(0)
    return bool((distance > limits).any())


def _replaced(content: bytes) -> tuple[bytes, dict[int, int]]:
    """Quantisation tables with one for the mean and zeros elsewhere, and the former numbers for the mean."""
    result, steps, place = b"", {}, 0
    while place < len(content):
        size = 1 + (content[place] >> 4)  # bytes of a number
        steps[content[place] & 15] = int.from_bytes(content[place + 1 : place + 1 + size], "big")
        result += content[place : place + 1] + (1).to_bytes(size, "big") + bytes(63 * size)
        place += 1 + 64 * size
    return result, steps
