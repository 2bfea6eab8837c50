"""Sample frames of a place with the matched points drawn on them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from localization_common.datasets.sequence import Image
from localization_common.recording_check import charts
from localization_common.report.palette import circled
from localization_mapping.mapped_place import MappedPlace
from localization_mapping.place_report.stretches import seconds_of

#: Number of frames in a row, and their width in pixels.
_COLUMNS, _SHOWN_WIDTH = 3, 320


def sample_frames(place: MappedPlace) -> Figure | None:
    """Keyframes with the fewest and the most points, from all over the drives; None without keyframes."""
    counts = np.bincount(place.tracks.keyframe, minlength=len(place.map_T_camera))
    if len(counts) == 0:
        return None
    order = np.argsort(counts, kind="stable")
    rows = [
        ("fewest points", _apart(order.tolist())),
        ("most points", _apart(order[::-1].tolist())),
    ]
    return charts.frames([(label, [_picture(place, keyframe) for keyframe in chosen]) for label, chosen in rows])


def _apart(order: list[int]) -> list[int]:
    """First keyframes of an order that are no neighbours of each other."""
    chosen: list[int] = []
    for keyframe in order:
        if all(abs(keyframe - other) > len(order) // (4 * _COLUMNS) for other in chosen):
            chosen.append(keyframe)
        if len(chosen) == _COLUMNS:
            break
    return chosen


def _picture(place: MappedPlace, keyframe: int) -> tuple[Image, str]:
    drive = place.drives[int(place.keyframe_drive[keyframe])]
    position = int(place.keyframe_position[keyframe])
    features = place.tracks.feature[place.tracks.keyframe == keyframe]
    image, camera = drive.sequence.read_image(position), drive.sequence.camera
    pixels: npt.NDArray[np.float64] = camera.project(place.features[keyframe].rays[features])
    scale = min(1.0, _SHOWN_WIDTH / camera.width)
    if scale < 1.0:
        size = (_SHOWN_WIDTH, max(1, round(camera.height * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    caption = f"{drive.sequence.name}, {seconds_of(drive)[position]:.1f} s, {len(features)} points"
    return circled(image, pixels * scale), caption
