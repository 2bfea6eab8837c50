"""Pictures with a pose and a camera each (COLMAP, transforms.json, phones, Cambridge) as one `Sequence`.

A sequence has one camera. Where the pictures' intrinsics differ a little (a phone focuses, structure from motion
estimates each), every picture is resampled to one camera without distortion when it is read. Pictures of another size
or kind of lens than most are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence as Collection
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera, CameraAdapter
from localization_common.datasets import frame_files, picture_files
from localization_common.datasets.frame_names import order_of_names
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.picture_camera import choose_camera, fitted
from localization_common.datasets.sequence import Sequence
from localization_common.datasets.summary import FRAMES, Finding, LeftOut, ReadingSummary
from localization_common.errors import CameraError, DatasetError

#: Share of the common camera's view that each picture must show.
_COVERAGE = 0.9


@dataclass(frozen=True)
class PosedPicture:
    """Picture with its camera and its pose.

    Attributes:
        name: path in the recording, with ``/``; gives the order.
        file: path of the picture.
        camera: its intrinsics; None where the recording lacks them.
        map_T_camera: (4, 4), optical frame; NaN where unknown.
        depth: file with depth in millimetres, or None.
    """

    name: str
    file: Path
    camera: Camera | None
    map_T_camera: npt.NDArray[np.float64]
    depth: Path | None = None


def sequence_of(
    name: str,
    pictures: Collection[PosedPicture],
    options: RecordingOptions,
    summary: ReadingSummary,
    *,
    origin: str,
    stamps: Collection[int] | None = None,
) -> Sequence:
    """Sequence of pictures, without those that are missing or of another camera.

    Args:
        name: name of the sequence.
        pictures: pictures, at least one.
        options: options of the user.
        summary: summary so far.
        origin: origin of the cameras, for the summary.
        stamps: nanoseconds of each picture, where the recording has them.

    Raises:
        DatasetError: no picture is there, or no camera is known.
    """
    there = [i for i, picture in enumerate(pictures) if picture_files.is_file(picture.file)]
    missing = frame_files.shown(picture.name for picture in pictures if not picture_files.is_file(picture.file))
    if not there:
        raise DatasetError(
            f"{name}: none of its {len(pictures)} pictures is there; the first should be {pictures[0].file}"
        )
    summary = summary.with_found(Finding("pictures", f"{len(pictures)} are named")).with_left_out(
        LeftOut(len(pictures) - len(there), FRAMES, "the picture is missing", missing)
    )
    kept, summary = _of_one_kind([pictures[i] for i in there], there, options, summary)
    cameras = [p.camera for i in kept if (p := pictures[i]).camera is not None]
    stated = _common(cameras) if cameras else None
    camera, summary = choose_camera((pictures[i].file for i in kept), options, summary, stated=stated, origin=origin)
    if options.camera is None and len(set(cameras)) > 1:
        low, high = min(c.fx for c in cameras), max(c.fx for c in cameras)
        text = f"{len(set(cameras))} different ones (fx {low:.1f} to {high:.1f}); all are resampled to the one above"
        summary = summary.with_found(Finding("cameras", text))
    order = order_of_names([pictures[i].name for i in kept], None if stamps is None else [stamps[i] for i in kept])
    chosen = [pictures[kept[i]] for i in order.positions]
    frames = _PictureFrames(tuple(chosen), camera, resample=options.camera is None)
    return Sequence(
        name=name,
        camera=camera,
        frame_numbers=order.numbers,
        stamps=order.stamps,
        map_T_camera=np.stack([picture.map_T_camera for picture in chosen]),
        read_image=frames.image,
        read_depth=frames.depth if any(p.depth is not None for p in chosen) else None,
        summary=summary.with_assumed(*order.assumed),
    )


def _of_one_kind(
    pictures: Collection[PosedPicture], places: Collection[int], options: RecordingOptions, summary: ReadingSummary
) -> tuple[list[int], ReadingSummary]:
    """Positions of the pictures whose camera has the most frequent size and lens."""
    if options.camera is not None or any(picture.camera is None for picture in pictures):
        return list(places), summary
    kinds = [(c.width, c.height, c.distortion_model) for p in pictures if (c := p.camera) is not None]
    (kind, _), *others = Counter(kinds).most_common()
    if not others:
        return list(places), summary
    left_out = [p.name for p, k in zip(pictures, kinds, strict=True) if k != kind]
    reason = f"another camera than the {kind[0]}x{kind[1]} ({kind[2]}) of most; a sequence has one"
    kept = [place for place, k in zip(places, kinds, strict=True) if k == kind]
    return kept, summary.with_left_out(LeftOut(len(left_out), FRAMES, reason, frame_files.shown(left_out)))


def _common(cameras: Collection[Camera]) -> Camera:
    """Camera that all pictures have; else a camera without distortion whose view all pictures show."""
    if len(set(cameras)) == 1:
        return cameras[0]
    fx, fy = max(c.fx for c in cameras), max(c.fy for c in cameras)
    cx, cy = (float(np.median([getattr(c, name) for c in cameras])) for name in ("cx", "cy"))
    return Camera(cameras[0].width, cameras[0].height, fx, fy, cx, cy)


@dataclass(frozen=True)
class _PictureFrames:
    """Reader of single pictures; a class and no closure, so that data loaders can send it to their workers."""

    pictures: tuple[PosedPicture, ...]
    camera: Camera
    resample: bool

    @property
    def resampled(self) -> bool:
        """True where pictures are moved to another camera."""
        return self.resample and len({picture.camera for picture in self.pictures}) > 1

    def image(self, position: int) -> npt.NDArray[np.uint8]:
        picture = self.pictures[position]
        if not self.resampled or picture.camera is None:
            return picture_files.read_rgb(picture.file, self.camera)
        image = picture_files.read_rgb(picture.file)
        adapter = self._adapter(picture, (image.shape[1], image.shape[0]))
        return image if adapter is None else adapter(image)

    def depth(self, position: int) -> npt.NDArray[np.float32]:
        picture = self.pictures[position]
        size = self.camera.width, self.camera.height
        if picture.depth is None:
            return np.full((size[1], size[0]), np.nan, dtype=np.float32)
        depth = picture_files.read_depth(picture.depth, units_per_metre=1000.0)
        fitted(Camera(depth.shape[1], depth.shape[0], 1.0, 1.0, 0.0, 0.0), size, "its depth", picture.depth)
        # Nearest, because an average over an edge would be a surface that does not exist.
        depth = np.asarray(cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST), dtype=np.float32)
        adapter = self._adapter(picture, size) if self.resampled else None
        return depth if adapter is None else adapter.nearest(depth)

    def _adapter(self, picture: PosedPicture, size: tuple[int, int]) -> CameraAdapter | None:
        """Adapter from the picture's own camera to the common one; None where they are the same."""
        if picture.camera is None:
            return None
        source = fitted(picture.camera, size, "its own", picture.file)
        if source == self.camera:
            return None
        try:
            return CameraAdapter(source, self.camera, min_coverage=_COVERAGE)
        except CameraError as error:
            raise DatasetError(f"{picture.file}: its camera differs too much from the others' ({error})") from error
