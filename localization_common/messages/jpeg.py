"""Decoding of JPEG; a JPEG whose damage libjpeg would hide is refused."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.errors import InputError
from localization_common.messages.jpeg_header import check_jpeg_structure
from localization_common.messages.jpeg_range import beyond_range, means_only
from localization_common.messages.picture_kinds import PictureHeader

try:
    import simplejpeg
except ImportError:
    simplejpeg = None


def unnoticed_damage() -> str:
    """Warning for the log if damaged JPEGs cannot all be found; empty if they are refused.

    libjpeg decodes damaged data with warnings. OpenCV ignores them and gives a wrong picture; simplejpeg raises.
    """
    if simplejpeg is not None:
        return ""
    return (
        "simplejpeg is not installed: fewer damaged JPEGs are noticed, and some are read as wrong pictures. "
        "Type: python3 -m pip install simplejpeg"
    )


def decode_jpeg(data: bytes, header: PictureHeader, *, gray: bool = False) -> npt.NDArray[np.uint8]:
    """Pixels (H, W, 3) RGB, or (H, W) brightness; EXIF orientation is ignored.

    Raises:
        InputError: it is damaged, or has the colours of printers (CMYK).
    """
    if header.channels == 4:
        raise InputError("JPEG has four channels (CMYK): publish colour or grey JPEG")
    picture = _with_opencv(data, header, gray) if simplejpeg is None else _with_simplejpeg(data, gray)
    means, limits = means_only(data)
    eighth = _eighth(means, gray=header.channels == 1)
    if eighth is not None and beyond_range(eighth, limits):
        raise InputError("JPEG is damaged: parts of it are brighter than white or darker than black")
    if picture.shape[:2] != (header.height, header.width):
        raise InputError(
            f"JPEG decodes to {picture.shape[1]}x{picture.shape[0]}, its header has {header.width}x{header.height}"
        )
    return picture


def _with_simplejpeg(data: bytes, gray: bool) -> npt.NDArray[np.uint8]:
    try:
        picture = simplejpeg.decode_jpeg(data, colorspace="GRAY" if gray else "RGB", strict=True)
    except (ValueError, RuntimeError, MemoryError) as error:
        raise InputError(f"JPEG is damaged: {error}") from error
    return np.asarray(picture[..., 0] if gray else picture, dtype=np.uint8)


def _with_opencv(data: bytes, header: PictureHeader, gray: bool) -> npt.NDArray[np.uint8]:
    check_jpeg_structure(data, header.body)
    flags = cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise InputError(f"JPEG is damaged: {error.err}") from error
    if picture is None:
        raise InputError("JPEG is damaged: OpenCV cannot decode it")
    return np.asarray(picture if gray else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _eighth(data: bytes, *, gray: bool) -> npt.NDArray[np.uint8] | None:
    """Channels at an eighth of the size, in the order of the JPEG; None if the decoder cannot decode its layout."""
    try:
        if simplejpeg is not None:
            space = "GRAY" if gray else "RGB"
            return np.asarray(
                simplejpeg.decode_jpeg(data, space, min_height=1, min_width=1, min_factor=8, strict=False)
            )
        flags = cv2.IMREAD_REDUCED_GRAYSCALE_8 if gray else cv2.IMREAD_REDUCED_COLOR_8
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except (ValueError, cv2.error):
        return None
    return None if picture is None else np.asarray(picture[..., ::-1] if picture.ndim == 3 else picture)
