"""Field ``format`` of sensor_msgs/CompressedImage."""

from __future__ import annotations

import re
from dataclasses import dataclass

from localization_common.messages.protocols import CompressedImageMessage

_CODECS = {"jpg": "jpeg", "image/jpeg": "jpeg", "mjpeg": "jpeg", "mjpg": "jpeg", "image/png": "png"}

#: Codec, then the target after image_transport's word "compressed"; ``compressedDepth png`` is the codec of depth.
_CODED = re.compile(r"(compresseddepth.*|.*?)(?:\s+compressed\s*(.*))?", re.DOTALL)


@dataclass(frozen=True)
class CompressedFormat:
    """Parts of ``encoding; codec compressed target``, which image_transport writes; drivers write the codec only.

    Attributes:
        encoding: encoding of the image before it was compressed; empty if it is not named.
        codec: codec in small letters, ``jpeg`` or ``png`` if it can be read here; empty if it is not named.
        target: encoding into which the image was converted before it was compressed; empty if it was not. ``bgr8``
            names OpenCV's order in memory: the colours of a JPEG or PNG file have one order only.
    """

    encoding: str
    codec: str
    target: str

    @property
    def is_depth(self) -> bool:
        """True for the format of compressed_depth_image_transport."""
        return self.codec.startswith("compresseddepth")


def format_of(message: CompressedImageMessage) -> str:
    """Text of the ``format`` field, cut to its first 100 characters."""
    return str(message.format)[:100]


def parse_format(text: str) -> CompressedFormat:
    """Parts of a format. Nothing is refused: the bytes of the picture decide."""
    encoding, separator, coded = text.partition(";")
    if not separator:
        encoding, coded = "", text
    found = _CODED.fullmatch(coded.strip().lower())
    codec, target = found.groups("") if found else ("", "")
    if re.fullmatch(r"(bayer_|mono|rgb|bgr)\w*", codec):  # the encoding alone
        encoding, codec = encoding or codec, ""
    return CompressedFormat(encoding.strip(), _CODECS.get(codec, codec), target)
