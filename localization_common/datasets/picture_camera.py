"""Camera of a folder's pictures: the one that the user gives, or the one that the format publishes or states.

Intrinsics are valid for pictures of their size, and scaled for smaller ones of the same shape. Another shape (portrait,
16:9 in place of 4:3) is refused: it is unknown how the picture was cropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from localization_common.camera import Camera
from localization_common.datasets.camera_files import read_camera
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.picture_files import first_size
from localization_common.datasets.summary import Finding, ReadingSummary
from localization_common.errors import DatasetError

_GIVE = "give the intrinsics of these pictures with --camera FILE (ROS camera_info, COLMAP cameras.txt, matrix K)"


def choose_camera(
    pictures: Iterable[Path],
    options: RecordingOptions,
    summary: ReadingSummary,
    *,
    stated: Camera | None,
    origin: str,
    assumed: bool = False,
) -> tuple[Camera, ReadingSummary]:
    """Camera of these pictures, and the summary with the camera's origin.

    Args:
        pictures: files; the first that can be read gives the size.
        options: options of the user.
        summary: summary so far.
        stated: camera in the recording or of its format; None where there is none.
        origin: origin of that camera, for the summary: ``calib.txt``.
        assumed: True if that camera is not in the recording, but from the format or the maker of the sensor.

    Raises:
        DatasetError: no camera is known, its shape is not that of the pictures, or no picture can be read.
    """
    size, example = first_size(pictures)
    if options.camera is not None:
        camera = fitted(read_camera(options.camera, size=size), size, str(options.camera), example)
        return camera, summary.with_found(Finding("camera", f"{_text(camera)}, from {options.camera}"))
    if stated is None:
        raise DatasetError(f"{example}: the recording has no intrinsics of its camera; {_GIVE}")
    camera = fitted(stated, size, origin, example)
    scaled = "" if camera == stated else f", scaled from {stated.width}x{stated.height}"
    if assumed:
        return camera, summary.with_assumed(f"camera {_text(camera)}: {origin}{scaled} (--camera FILE for another)")
    return camera, summary.with_found(Finding("camera", f"{_text(camera)}, from {origin}{scaled}"))


def fitted(camera: Camera, size: tuple[int, int], origin: str, example: object) -> Camera:
    """Camera after its pictures were resized to width x height.

    Raises:
        DatasetError: that would change their shape.
    """
    if (camera.width, camera.height) == size:
        return camera
    if abs(size[0] * camera.height / camera.width - size[1]) > 1.0:
        raise DatasetError(
            f"{example}: is {size[0]}x{size[1]}, which is another shape than the {camera.width}x{camera.height} of the "
            f"camera ({origin}); {_GIVE}"
        )
    return camera.resized(*size)


def _text(camera: Camera) -> str:
    lens = "" if not camera.distorted else f", {camera.distortion_model}"
    return f"{camera.width}x{camera.height}, fx {camera.fx:.1f}, fy {camera.fy:.1f}{lens}"
