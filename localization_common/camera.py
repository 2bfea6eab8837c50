"""Cameras, and making one camera's images look like another's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.errors import CameraError

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Pixel = TypeVar("Pixel", bound=np.generic)

#: Numbers of coefficients that OpenCV knows for each of sensor_msgs/CameraInfo's models (none: no distortion).
COEFFICIENTS = {"plumb_bob": (0, 4, 5), "rational_polynomial": (0, 8, 12, 14), "equidistant": (0, 4)}

#: OpenCV's default of five iterations is off by tens of pixels in the corners of a wide lens.
_UNDISTORT = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-7)
#: Rounding error, in pixels, that the image's border forgives.
_EDGE = 1e-6


@dataclass(frozen=True)
class Camera:
    """Intrinsics of one camera.

    Attributes:
        width, height: image size in pixels.
        fx, fy, cx, cy: focal lengths and principal point in pixels; pixel centres are at integers (OpenCV, ROS).
        distortion_model: ``plumb_bob``, ``rational_polynomial`` or ``equidistant`` (sensor_msgs/CameraInfo).
        distortion: coefficients of that model in OpenCV's order; empty for zeros. An ``equidistant`` lens is a fisheye
            (radius proportional to the angle) even with zeros.

    Raises:
        CameraError: a value is out of range, or the model is unknown.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion_model: str = "plumb_bob"
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise CameraError(f"image size {self.width}x{self.height} is not positive")
        if not (np.isfinite([self.fx, self.fy, self.cx, self.cy]).all() and self.fx > 0 and self.fy > 0):
            raise CameraError(f"focal lengths {self.fx}, {self.fy} must be positive: is the camera calibrated?")
        if self.distortion_model not in COEFFICIENTS:
            raise CameraError(
                f"unknown distortion model {self.distortion_model!r}; known are {', '.join(COEFFICIENTS)}"
            )
        if len(self.distortion) not in COEFFICIENTS[self.distortion_model]:
            raise CameraError(
                f"{self.distortion_model} has one of {COEFFICIENTS[self.distortion_model]} coefficients, "
                f"not {len(self.distortion)}"
            )
        if not np.isfinite(self.distortion).all():
            raise CameraError(f"distortion {self.distortion} holds NaN or infinity")

    @property
    def matrix(self) -> Array:
        """Intrinsic matrix K (3, 3)."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    @property
    def distorted(self) -> bool:
        """Whether straight lines are not straight in the image: a fisheye, or any coefficient is not zero."""
        return self.distortion_model == "equidistant" or any(c != 0.0 for c in self.distortion)

    @classmethod
    def from_field_of_view(cls, width: int, height: int, horizontal_deg: float) -> Camera:
        """Camera with square pixels, centred, with this horizontal field of view in degrees, between 0 and 180."""
        if not 0.0 < horizontal_deg < 180.0:
            raise CameraError(f"horizontal field of view {horizontal_deg} deg is not between 0 and 180")
        f = width / 2.0 / np.tan(np.radians(horizontal_deg) / 2.0)
        return cls(width, height, f, f, (width - 1) / 2.0, (height - 1) / 2.0)

    def resized(self, width: int, height: int) -> Camera:
        """The same camera after its image is resized to width x height (pixel centres at integers)."""
        sx, sy = width / self.width, height / self.height
        cx, cy = (self.cx + 0.5) * sx - 0.5, (self.cy + 0.5) * sy - 0.5
        return Camera(width, height, self.fx * sx, self.fy * sy, cx, cy, self.distortion_model, self.distortion)

    def rays(self, pixels: Array) -> Array:
        """Undistorted rays (N, 2) at depth one of pixels (N, 2) as (u, v).

        A pixel that no ray reaches (outside a fisheye's circle, say) gets some ray: `project` does not lead back there.
        """
        points = np.ascontiguousarray(pixels, dtype=np.float64).reshape(-1, 1, 2)
        if self.distortion_model == "equidistant":
            rays = cv2.fisheye.undistortPoints(points, self.matrix, self._coefficients)
        elif self.distorted:
            rays = cv2.undistortPointsIter(points, self.matrix, self._coefficients, None, None, _UNDISTORT)
        else:
            rays = (points - (self.cx, self.cy)) / (self.fx, self.fy)
        return np.asarray(rays, dtype=np.float64).reshape(-1, 2)

    def project(self, rays: Array) -> Array:
        """Pixels (N, 2) as (u, v), distorted, of rays (N, 2) at depth one; see `sees` for where this may be trusted."""
        points = np.concatenate([rays, np.ones((len(rays), 1))], axis=1).reshape(-1, 1, 3)
        zero = np.zeros(3)
        if self.distortion_model == "equidistant":
            pixels, _ = cv2.fisheye.projectPoints(points, zero, zero, self.matrix, self._coefficients)
        elif self.distorted:
            pixels, _ = cv2.projectPoints(points, zero, zero, self.matrix, self._coefficients)
        else:
            pixels = rays * (self.fx, self.fy) + (self.cx, self.cy)
        return np.asarray(pixels, dtype=np.float64).reshape(-1, 2)

    def sees(self, rays: Array) -> Mask:
        """Which rays (N, 2) at depth one the image shows.

        Besides the image's borders this minds the distortion's: beyond some angle its polynomial turns back, and rays
        from far outside the view would seem to fall into the image.
        """
        pixels = self.project(rays)
        end = (self.width - 0.5 + _EDGE, self.height - 0.5 + _EDGE)
        inside = (pixels >= -0.5 - _EDGE).all(-1) & (pixels <= end).all(-1)
        radius = np.linalg.norm(rays, axis=-1)
        return np.asarray(inside & (radius <= self._largest_radius(float(radius.max(initial=0.0)))))

    def _largest_radius(self, limit: float) -> float:
        """Largest radius of a ray, up to a limit, to which the distorted radius grows with the radius."""
        if not self.distorted:
            return limit
        radius = np.linspace(0.0, limit, 2000)
        if self.distortion_model == "equidistant":
            angle = np.arctan(radius)
            distorted = angle * np.polynomial.polynomial.polyval(angle**2, (1.0, *self._coefficients))
        else:
            k1, k2, _, _, k3, k4, k5, k6 = (*self.distortion, *([0.0] * 8))[:8]
            upper = np.polynomial.polynomial.polyval(radius**2, (1.0, k1, k2, k3))
            distorted = radius * upper / np.polynomial.polynomial.polyval(radius**2, (1.0, k4, k5, k6))
        turns = np.nonzero(np.diff(distorted) <= 0.0)[0]
        return float(radius[turns[0]]) if len(turns) else limit

    @property
    def _coefficients(self) -> Array:
        return np.array(self.distortion or (0.0, 0.0, 0.0, 0.0), dtype=np.float64)


class CameraAdapter:
    """Undistorts, rescales and crops images of one camera to those of another, so that a network sees what it knows.

    The mapping is a lookup table, computed once; area-averaging precedes it where the image shrinks, against aliasing.

    Args:
        source: the camera that delivers images.
        target: the (undistorted) camera that the network was trained with.
        min_coverage: share of the target's pixels that the source must see.

    Attributes:
        coverage: share of the target's pixels that the source sees.

    Raises:
        CameraError: the target is distorted, or the source's field of view is too small.
    """

    def __init__(self, source: Camera, target: Camera, *, min_coverage: float = 0.95) -> None:
        if target.distorted:
            raise CameraError("the target camera of an adapter must be free of distortion")
        self.source, self.target = source, target
        scale = min(1.0, max(target.fx / source.fx, target.fy / source.fy))
        self._size = (max(1, round(source.width * scale)), max(1, round(source.height * scale)))
        self._rays = target.rays(_pixel_grid(target))
        self._seen = source.sees(self._rays).reshape(target.height, target.width)
        self.coverage = float(self._seen.mean())
        if self.coverage < min_coverage:
            raise CameraError(
                f"the camera ({source.width}x{source.height}, fx {source.fx:.1f}) sees only {self.coverage:.0%} of the "
                f"view that the network was trained with ({target.width}x{target.height}, fx {target.fx:.1f}); "
                f"at least {min_coverage:.0%} is needed: use a wider lens or retrain with this camera"
            )
        pixels = source.resized(*self._size).project(self._rays)
        self._map = cv2.convertMaps(_as_map(pixels, target), None, cv2.CV_16SC2)

    def __call__(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Image (H, W, 3) or (H, W) of the source as the target sees it; border pixels are repeated.

        Raises:
            CameraError: the image is not of the source's size.
        """
        _require_size(image, self.source)
        if self.source == self.target:
            return image
        if self._size != (image.shape[1], image.shape[0]):
            image = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.remap(image, *self._map, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))

    def nearest(self, image: npt.NDArray[Pixel]) -> npt.NDArray[Pixel]:
        """Depth or labels (H, W) of the source as the target sees them, never interpolated.

        Where the source does not see, floats are NaN and integers are 255.

        Raises:
            CameraError: the image is not of the source's size.
        """
        _require_size(image, self.source)
        return _look_up(image, self._nearest_map, np.nan if image.dtype.kind == "f" else 255)

    def back(self, labels: npt.NDArray[Pixel], fill: int = 255) -> npt.NDArray[Pixel]:
        """Labels (H, W) of the target as the source sees them: the size of the source's images, its distortion too.

        Each pixel takes the nearest label along its ray; where the target does not see, ``fill``.

        Raises:
            CameraError: the labels are not of the target's size.
        """
        _require_size(labels, self.target)
        return _look_up(labels, self._back_map, fill)

    @cached_property
    def _nearest_map(self) -> npt.NDArray[np.int16]:
        return _integer_map(self.source.project(self._rays), self._seen.ravel(), self.source, self.target)

    @cached_property
    def _back_map(self) -> npt.NDArray[np.int16]:
        pixels = _pixel_grid(self.source)
        rays = _ray_grid(self.source)
        # Where no ray leads to a pixel, the inversion of the distortion ends anywhere: projecting again tells.
        reached = np.linalg.norm(self.source.project(rays) - pixels, axis=-1) < 0.5
        seen = reached & self.source.sees(rays) & self.target.sees(rays)
        return _integer_map(self.target.project(rays), seen, self.target, self.source)


def _pixel_grid(camera: Camera) -> Array:
    """All pixels (H * W, 2) as (u, v), row by row."""
    u, v = np.meshgrid(np.arange(camera.width, dtype=np.float64), np.arange(camera.height, dtype=np.float64))
    return np.stack([u.ravel(), v.ravel()], axis=1)


def _ray_grid(camera: Camera, step: int = 4) -> Array:
    """Rays (H * W, 2) of all pixels; the iterative inversion of a distortion is done for one in step x step only and
    interpolated between them, which is 16 times as fast and off by hundredths of a pixel."""
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
    # Half a pixel beyond the border still belongs to the border's pixels.
    inside = np.clip(np.rint(pixels[valid]), 0, (looked_up.width - 1, looked_up.height - 1))
    nearest[valid] = inside.astype(np.int16)
    return nearest.reshape(result.height, result.width, 2)


def _look_up(image: npt.NDArray[Pixel], table: npt.NDArray[np.int16], fill: float) -> npt.NDArray[Pixel]:
    found = cv2.remap(image, table, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=(fill,) * 4)
    return np.asarray(found, dtype=image.dtype)


def _require_size(image: npt.NDArray[np.generic], camera: Camera) -> None:
    if image.shape[:2] != (camera.height, camera.width):
        raise CameraError(f"image is {image.shape[1]}x{image.shape[0]}, its camera says {camera.width}x{camera.height}")
