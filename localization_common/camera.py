"""Pinhole cameras, and making one camera's images look like another's."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.errors import CameraError


@dataclass(frozen=True)
class Camera:
    """Intrinsics of one camera.

    Attributes:
        width, height: image size in pixels.
        fx, fy, cx, cy: focal lengths and principal point in pixels; pixel centres are at integers (OpenCV, ROS).
        distortion_model: ``plumb_bob``, ``rational_polynomial`` or ``equidistant`` (sensor_msgs/CameraInfo).
        distortion: coefficients of that model; empty for none.
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
        if self.distortion_model not in ("plumb_bob", "rational_polynomial", "equidistant"):
            raise CameraError(f"unknown distortion model {self.distortion_model!r}")

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """Intrinsic matrix K (3, 3)."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    @property
    def distorted(self) -> bool:
        """Whether any distortion coefficient is not zero."""
        return any(c != 0.0 for c in self.distortion)

    @classmethod
    def from_field_of_view(cls, width: int, height: int, horizontal_deg: float) -> Camera:
        """Camera with square pixels, centred, with this horizontal field of view in degrees."""
        f = width / 2.0 / np.tan(np.radians(horizontal_deg) / 2.0)
        return cls(width, height, f, f, (width - 1) / 2.0, (height - 1) / 2.0)

    def resized(self, width: int, height: int) -> Camera:
        """The same camera after its image is resized to width x height (pixel centres at integers)."""
        sx, sy = width / self.width, height / self.height
        cx, cy = (self.cx + 0.5) * sx - 0.5, (self.cy + 0.5) * sy - 0.5
        return Camera(width, height, self.fx * sx, self.fy * sy, cx, cy, self.distortion_model, self.distortion)

    def rays(self, pixels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Undistorted rays (N, 2) at depth one of pixels (N, 2) as (u, v)."""
        coefficients = np.asarray(self.distortion, dtype=np.float64)
        points = np.ascontiguousarray(pixels, dtype=np.float64).reshape(-1, 1, 2)
        if self.distortion_model == "equidistant" and self.distorted:
            rays = cv2.fisheye.undistortPoints(points, self.matrix, coefficients[:4])
        else:
            rays = cv2.undistortPoints(points, self.matrix, coefficients if self.distorted else None)
        return np.asarray(rays, dtype=np.float64).reshape(-1, 2)

    def project(self, rays: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Pixels (N, 2) as (u, v), distorted, of rays (N, 2) at depth one."""
        points = np.concatenate([rays, np.ones((len(rays), 1))], axis=1).reshape(-1, 1, 3)
        coefficients, zero = np.asarray(self.distortion, dtype=np.float64), np.zeros(3)
        if self.distortion_model == "equidistant" and self.distorted:
            pixels, _ = cv2.fisheye.projectPoints(points, zero, zero, self.matrix, coefficients[:4])
        else:
            pixels, _ = cv2.projectPoints(points, zero, zero, self.matrix, coefficients if self.distorted else None)
        return np.asarray(pixels, dtype=np.float64).reshape(-1, 2)


class CameraAdapter:
    """Undistorts, rescales and crops images of one camera to those of another, so that a network sees what it knows.

    The mapping is a lookup table, computed once; area-averaging precedes it where the image shrinks, against aliasing.

    Args:
        source: the camera that delivers images.
        target: the (undistorted) camera that the network was trained with.
        min_coverage: share of the target's pixels that the source must see.

    Raises:
        CameraError: the target is distorted, or the source's field of view is too small.
    """

    def __init__(self, source: Camera, target: Camera, *, min_coverage: float = 0.95) -> None:
        if target.distorted:
            raise CameraError("the target camera of an adapter must be free of distortion")
        self.source, self.target = source, target
        scale = min(1.0, max(target.fx / source.fx, target.fy / source.fy))
        self._size = (max(1, round(source.width * scale)), max(1, round(source.height * scale)))
        shrunk = source.resized(*self._size)
        u, v = np.meshgrid(np.arange(target.width), np.arange(target.height))
        rays = target.rays(np.stack([u.ravel(), v.ravel()], axis=1).astype(np.float64))
        pixels = shrunk.project(rays).reshape(target.height, target.width, 2)
        inside = (pixels > -1.0).all(-1) & (pixels < np.array(self._size)).all(-1)
        self.coverage = float(inside.mean())
        if self.coverage < min_coverage:
            raise CameraError(
                f"the camera ({source.width}x{source.height}, fx {source.fx:.1f}) sees only {self.coverage:.0%} of the "
                f"view that the network was trained with ({target.width}x{target.height}, fx {target.fx:.1f}); "
                f"at least {min_coverage:.0%} is needed: use a wider lens or retrain with this camera"
            )
        self._map = cv2.convertMaps(pixels.astype(np.float32), None, cv2.CV_16SC2)

    def __call__(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Image (H, W, 3) or (H, W) of the source as the target sees it; border pixels are repeated."""
        self._check_size(image)
        if self._size != (image.shape[1], image.shape[0]):
            image = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        warped = cv2.remap(image, *self._map, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return warped  # type: ignore[return-value]

    def nearest(self, image: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Depth or labels (H, W) of the source as the target sees them, never interpolated."""
        self._check_size(image)
        if self._size != (image.shape[1], image.shape[0]):
            image = cv2.resize(image, self._size, interpolation=cv2.INTER_NEAREST)
        return cv2.remap(image, *self._map, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)

    def _check_size(self, image: npt.NDArray[np.generic]) -> None:
        if image.shape[:2] != (self.source.height, self.source.width):
            raise CameraError(
                f"image is {image.shape[1]}x{image.shape[0]}, its camera says {self.source.width}x{self.source.height}"
            )
