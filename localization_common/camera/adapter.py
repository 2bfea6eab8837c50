"""Camera adaptation: images of one camera are mapped to another camera, and label masks back."""

from __future__ import annotations

from functools import cached_property
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.camera.intrinsics import Array, Camera, Mask
from localization_common.errors import CameraError

Pixel = TypeVar("Pixel", bound=np.generic)

#: Smallest horizontal field of view, degrees, of a camera whose images fill a part of the target only.
NARROWEST = 50.0
#: Least share of the target that a rotated camera sees, about that of a level camera of `NARROWEST`.
LEAST_SHARE = 0.15
#: Least depth along the source's axis of a ray of length one that the source can see: 84 degrees off the axis.
_AHEAD = 0.1


class CameraAdapter:
    """Undistort, rescale and crop images of one camera to those of the camera that a network was trained with.

    The mapping is a lookup table that is computed once. Where the image shrinks, areas are averaged first, against
    aliasing. A camera with a narrower view may fill a part of the target; the other pixels have the mean colour of this
    part, as in the trainings (`AugmentationConfig.narrow` of vlocnet, `TrainingConfig.narrow` of dmn).

    Args:
        source: camera that delivers images.
        target: (undistorted) camera that the network was trained with.
        min_coverage: share of the target's pixels that the source must see.
        partial: whether a source that sees less is used, too, if its horizontal field of view is `NARROWEST` at least.
        source_R_target: (3, 3) rotation from the target's optical frame to the source's, both at one place; by default
            they have the same directions (see `localization_common.camera.upright`).

    Attributes:
        coverage: share of the target's pixels that the source sees.
        partial: True if the source fills a part of the target only.
        seen: (H, W) True for the pixels of the target that the source sees.

    Raises:
        CameraError: the target is distorted, the source's field of view is too small, or a rotated source sees too
            little of the target.
    """

    def __init__(
        self,
        source: Camera,
        target: Camera,
        *,
        min_coverage: float = 0.95,
        partial: bool = False,
        source_R_target: Array | None = None,
    ) -> None:
        if target.distorted:
            raise CameraError("the target camera of an adapter must be free of distortion")
        self.source, self.target = source, target
        self._rotation = np.eye(3) if source_R_target is None else source_R_target
        self._same = source == target and source_R_target is None
        scale = min(1.0, max(target.fx / source.fx, target.fy / source.fy))
        self._size = (max(1, round(source.width * scale)), max(1, round(source.height * scale)))
        self._rays, seen = _rotated(target.rays(_pixel_grid(target)), self._rotation)
        seen[seen] = source.sees(self._rays[seen])
        self.seen = seen.reshape(target.height, target.width)
        self.coverage = float(self.seen.mean())
        self.partial = self.coverage < min_coverage
        view = _horizontal_view(source)
        if self.partial and (not partial or view < NARROWEST):
            needed = f"at least {min_coverage:.0%}" + (f", or {NARROWEST:.0f} deg," if partial else "")
            raise CameraError(
                f"the camera ({source.width}x{source.height}, fx {source.fx:.1f}, {view:.0f} deg) sees only "
                f"{self.coverage:.0%} of the view that the network was trained with ({target.width}x{target.height}, "
                f"fx {target.fx:.1f}); {needed} is needed: use a wider lens or retrain with this camera"
            )
        if source_R_target is not None and self.coverage < min(LEAST_SHARE, min_coverage):
            raise CameraError(
                f"the camera is tilted so far that it sees only {self.coverage:.0%} of the level view of the network; "
                f"{LEAST_SHARE:.0%} is needed: tilt it less"
            )
        pixels = source.resized(*self._size).project(self._rays)
        self._map = cv2.convertMaps(_as_map(pixels, target), None, cv2.CV_16SC2)

    def __call__(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Map an image (H, W, 3) or (H, W) of the source to the target.

        Pixels just beyond the border repeat it. Where a camera sees a part of the target only, pixels outside have the
        mean of this part.

        Raises:
            CameraError: the image is not of the source's size.
        """
        _require_size(image, self.source)
        if self._same:
            return image
        if self._size != (image.shape[1], image.shape[0]):
            image = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)
        adapted = np.asarray(cv2.remap(image, *self._map, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
        if self.partial:
            adapted[~self.seen] = np.rint(adapted[self.seen].mean(axis=0)).astype(np.uint8)
        return adapted

    def nearest(self, image: npt.NDArray[Pixel]) -> npt.NDArray[Pixel]:
        """Map depth or labels (H, W) of the source to the target, without interpolation.

        Outside of the source's view, floats are NaN and integers are 255.

        Raises:
            CameraError: the image is not of the source's size.
        """
        _require_size(image, self.source)
        return _look_up(image, self._nearest_map, np.nan if image.dtype.kind == "f" else 255)

    def back(self, labels: npt.NDArray[Pixel], fill: int = 255) -> npt.NDArray[Pixel]:
        """Map labels (H, W) of the target back to the source: to the size and the distortion of its images.

        Each pixel takes the nearest label along its ray; outside of the target's view it takes ``fill``.

        Raises:
            CameraError: the labels are not of the target's size.
        """
        _require_size(labels, self.target)
        return _look_up(labels, self._back_map, fill)

    @cached_property
    def _nearest_map(self) -> npt.NDArray[np.int16]:
        return _integer_map(self.source.project(self._rays), self.seen.ravel(), self.source, self.target)

    @cached_property
    def _back_map(self) -> npt.NDArray[np.int16]:
        pixels = _pixel_grid(self.source)
        rays = _ray_grid(self.source)
        # Where no ray leads to a pixel, the inversion of the distortion gives a wrong ray: it projects elsewhere.
        reached = np.linalg.norm(self.source.project(rays) - pixels, axis=-1) < 0.5
        turned, seen = _rotated(rays, self._rotation.T)
        seen &= reached & self.source.sees(rays) & self.target.sees(turned)
        return _integer_map(self.target.project(turned), seen, self.target, self.source)


def _rotated(rays: Array, b_R_a: Array) -> tuple[Array, Mask]:
    """Rays (N, 2) of one camera in the frame of another, and (N,) True for those that lie ahead of it; others are 0."""
    turned = np.column_stack([rays, np.ones(len(rays))]) @ b_R_a.T
    ahead = turned[:, 2] > _AHEAD * np.linalg.norm(turned, axis=1)
    depth = np.where(ahead, turned[:, 2], 1.0)[:, None]
    return np.where(ahead[:, None], turned[:, :2] / depth, 0.0), ahead


def _horizontal_view(camera: Camera) -> float:
    """Horizontal field of view of a camera, degrees."""
    sides = camera.rays(np.array([[-0.5, camera.cy], [camera.width - 0.5, camera.cy]]))
    return float(np.degrees(np.diff(np.arctan(sides[:, 0]))[0]))


def _pixel_grid(camera: Camera) -> Array:
    """Pixels (H * W, 2) of a camera's image as (u, v), row by row."""
    u, v = np.meshgrid(np.arange(camera.width, dtype=np.float64), np.arange(camera.height, dtype=np.float64))
    return np.stack([u.ravel(), v.ravel()], axis=1)


def _ray_grid(camera: Camera, step: int = 4) -> Array:
    """Rays (H * W, 2) of all pixels.

    The distortion is inverted for one pixel in step x step only, and interpolated between them: this is 16 times as
    fast, and off by hundredths of a pixel.
    """
    if not camera.distorted:
        return camera.rays(_pixel_grid(camera))
    columns, rows = camera.width // step + 3, camera.height // step + 3
    # Centres of step x step blocks, one block beyond each border, as cv2.resize places them.
    u, v = np.meshgrid((np.arange(columns) - 0.5) * step - 0.5, (np.arange(rows) - 0.5) * step - 0.5)
    coarse = camera.rays(np.stack([u.ravel(), v.ravel()], axis=1)).reshape(rows, columns, 2)
    fine = cv2.resize(coarse, (columns * step, rows * step), interpolation=cv2.INTER_LINEAR)
    return np.asarray(fine[step:, step:][: camera.height, : camera.width], dtype=np.float64).reshape(-1, 2)


def _as_map(pixels: Array, camera: Camera) -> npt.NDArray[np.float32]:
    """Lookup table (H, W, 2) for images of a camera's size."""
    return pixels.astype(np.float32).reshape(camera.height, camera.width, 2)


def _integer_map(pixels: Array, valid: Mask, looked_up: Camera, result: Camera) -> npt.NDArray[np.int16]:
    """Lookup table (H, W, 2) of nearest pixels; those not valid point outside."""
    nearest = np.full(pixels.shape, -1, dtype=np.int16)
    # Up to half a pixel beyond the border belongs to the pixels at the border.
    inside = np.clip(np.rint(pixels[valid]), 0, (looked_up.width - 1, looked_up.height - 1))
    nearest[valid] = inside.astype(np.int16)
    return nearest.reshape(result.height, result.width, 2)


def _look_up(image: npt.NDArray[Pixel], table: npt.NDArray[np.int16], fill: float) -> npt.NDArray[Pixel]:
    found = cv2.remap(image, table, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=(fill,) * 4)
    return np.asarray(found, dtype=image.dtype)


def _require_size(image: npt.NDArray[np.generic], camera: Camera) -> None:
    if image.shape[:2] != (camera.height, camera.width):
        raise CameraError(f"image is {image.shape[1]}x{image.shape[0]}, its camera has {camera.width}x{camera.height}")
