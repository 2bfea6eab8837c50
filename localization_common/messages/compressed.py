"""Images of sensor_msgs/CompressedImage to arrays: the header is read and checked before anything is decoded."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.errors import InputError
from localization_common.messages.bits import BitsInUse, to_eight_bits
from localization_common.messages.compressed_format import CompressedFormat, format_of, parse_format
from localization_common.messages.encodings import TO_RGB, canonical, is_bayer
from localization_common.messages.images import converted
from localization_common.messages.jpeg import decode_jpeg
from localization_common.messages.jpeg_header import read_jpeg_header
from localization_common.messages.picture_kinds import PictureHeader, kind_of
from localization_common.messages.pixels import bytes_of
from localization_common.messages.png import decode_png, read_png_header
from localization_common.messages.protocols import CompressedImageMessage

Rgb = npt.NDArray[np.uint8]

#: Largest number of pixels of a picture whose expected size is not known: 150 MB of RGB.
MAX_PIXELS = 50_000_000


def rgb_from_compressed(
    message: CompressedImageMessage,
    *,
    size: tuple[int, int] | None = None,
    max_pixels: int = MAX_PIXELS,
    bits: int | BitsInUse | None = None,
) -> Rgb:
    """RGB (H, W, 3) uint8 of a JPEG or PNG; EXIF orientation and transparency are ignored.

    The bytes decide on the kind of picture; ``format`` decides whether the pixels are a Bayer mosaic. The colours of a
    JPEG or PNG have one order; the order in ``format`` is that of the publisher's memory, and is ignored.

    Args:
        message: message with the format of image_transport (``rgb8; jpeg compressed bgr8``) or of a driver (``jpeg``).
        size: (width, height) that it must have: that of camera_info, if it is known.
        max_pixels: largest number of pixels.
        bits: bits in use of a PNG of 16 bits, see `rgb_from`.

    Raises:
        InputError: empty, damaged, no JPEG or PNG, depth, too large, not of that size, or ``format`` and the bytes
            contradict each other.
    """
    text = format_of(message)
    form = parse_format(text)
    if form.is_depth:
        raise InputError(f"compressed image is depth ({text!r}): name a topic of colour images")
    data = bytes_of(message.data).tobytes()
    header = read_header(data, form, text)
    check_picture_size(header, size, max_pixels)
    mosaic = _mosaic(form)
    if header.kind == "JPEG":
        if mosaic and header.channels != 1:
            raise InputError(_contradiction(text, "a JPEG in colour"))
        picture = decode_jpeg(data, header, gray=bool(mosaic))
        return converted(picture, mosaic) if mosaic else picture
    pixels = decode_png(data)
    if mosaic and pixels.ndim != 2:
        raise InputError(_contradiction(text, "a PNG in colour"))
    picture = to_eight_bits(pixels, bits) if pixels.dtype == np.uint16 else pixels
    names = {2: mosaic or "mono8", 3: {3: "rgb8", 4: "rgba8"}.get(pixels.shape[-1], "")}
    return converted(picture, names[pixels.ndim])


def read_header(data: bytes, form: CompressedFormat, text: str) -> PictureHeader:
    """Header of a JPEG or PNG.

    Args:
        data: bytes of the picture.
        form: parsed ``format``.
        text: text of ``format``.

    Raises:
        InputError: empty, damaged, or neither of the two.
    """
    if not data:
        raise InputError("compressed image is empty")
    kind = kind_of(data)
    if kind == "JPEG":
        return read_jpeg_header(data)
    if kind == "PNG":
        return read_png_header(data)
    named = kind or (form.codec if form.codec not in ("jpeg", "png") else "")
    what = f"is {named}" if named else f"begins with {data[:8].hex(' ')}"
    raise InputError(
        f"compressed image (format {text!r}, {len(data)} bytes) {what}; only JPEG and PNG can be read: "
        "publish jpeg or png, or the raw image"
    )


def check_picture_size(header: PictureHeader, size: tuple[int, int] | None, max_pixels: int) -> None:
    """Refuse a picture for its size.

    Raises:
        InputError: it is not of this (width, height), or has more than ``max_pixels`` pixels.
    """
    found = (header.width, header.height)
    if size is not None and found != size:
        raise InputError(f"image is {found[0]}x{found[1]}, but camera_info has {size[0]}x{size[1]}")
    if min(found) < 1:
        raise InputError(f"image is {found[0]}x{found[1]}: it has no pixels")
    if found[0] * found[1] > max_pixels:
        raise InputError(f"image is {found[0]}x{found[1]}, more than {max_pixels} pixels: it is not decoded")


def _mosaic(form: CompressedFormat) -> str:
    """Bayer encoding of the compressed pixels, by its name for 8 bits; empty if they are no mosaic.

    image_transport compresses a mosaic without conversion, or converts it first and then names the target.
    """
    encoding = canonical(form.encoding).lower()
    if not is_bayer(encoding) or (form.target and not is_bayer(form.target)):
        return ""
    encoding = form.target or encoding
    if encoding not in TO_RGB:
        raise InputError(f"compressed image has the unknown mosaic {encoding!r}: publish bayer_rggb8 or the like")
    return encoding.removesuffix("16").removesuffix("8") + "8"


def _contradiction(text: str, found: str) -> str:
    return f"format is {text!r}, a mosaic of one channel, but the data is {found}: correct the publisher's format"
