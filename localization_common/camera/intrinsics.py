"""Intrinsics of a camera: pixels to rays, and rays to pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.errors import CameraError

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: Numbers of coefficients of each of sensor_msgs/CameraInfo's models, as OpenCV orders them (none: zeros).
COEFFICIENTS = {"plumb_bob": (0, 4, 5), "rational_polynomial": (0, 4, 5, 8, 12, 14), "equidistant": (0, 4)}

#: Largest width or height in pixels, and largest focal length, coordinate or coefficient; no lens has them.
_MAX_SIDE, _LARGEST = 1 << 16, 1e7

#: OpenCV's default of five iterations is off by tens of pixels in the corners of a wide lens.
_UNDISTORT = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-7)
#: Rounding error, in pixels, that is allowed at the image's border.
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
        if max(self.width, self.height) > _MAX_SIDE:
            raise CameraError(f"image size {self.width}x{self.height} exceeds {_MAX_SIDE} pixels")
        lengths = (self.fx, self.fy, abs(self.cx), abs(self.cy), *map(abs, self.distortion))
        if max(lengths) > _LARGEST or min(self.fx, self.fy) < 1.0 / _LARGEST:
            raise CameraError(
                f"focal lengths {self.fx}, {self.fy}, principal point ({self.cx}, {self.cy}) or distortion "
                f"{self.distortion} are those of no lens"
            )

    @property
    def matrix(self) -> Array:
        """Intrinsic matrix K (3, 3)."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    @property
    def distorted(self) -> bool:
        """True if straight lines are curved in the image: a fisheye, or a coefficient that is not zero."""
        return self.distortion_model == "equidistant" or any(c != 0.0 for c in self.distortion)

    @classmethod
    def from_field_of_view(cls, width: int, height: int, horizontal_deg: float) -> Camera:
        """Camera with square pixels, centred, with this horizontal field of view in degrees, between 0 and 180."""
        if not 0.0 < horizontal_deg < 180.0:
            raise CameraError(f"horizontal field of view {horizontal_deg} deg is not between 0 and 180")
        f = width / 2.0 / np.tan(np.radians(horizontal_deg) / 2.0)
        return cls(width, height, f, f, (width - 1) / 2.0, (height - 1) / 2.0)

    def resized(self, width: int, height: int) -> Camera:
        """Camera whose image is resized to width x height (pixel centres at integers)."""
        sx, sy = width / self.width, height / self.height
        cx, cy = (self.cx + 0.5) * sx - 0.5, (self.cy + 0.5) * sy - 0.5
        return Camera(width, height, self.fx * sx, self.fy * sy, cx, cy, self.distortion_model, self.distortion)

    def rays(self, pixels: Array) -> Array:
        """Undistorted rays (N, 2) at depth one of pixels (N, 2) as (u, v).

        A pixel that no ray reaches (for example outside of a fisheye's circle) gets a ray that `project` does not lead
        back to it.
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
        """Pixels (N, 2) as (u, v), distorted, of rays (N, 2) at depth one; correct for the rays that `sees` accepts."""
        distorted = self._distort(rays) if self.distorted else rays
        return np.asarray(distorted * (self.fx, self.fy) + (self.cx, self.cy))

    def sees(self, rays: Array) -> Mask:
        """(N,) True for rays (N, 2) at depth one that the image shows.

        A ray must lie inside the image's borders, and inside the valid range of the distortion: beyond some angle its
        polynomial turns back, and rays from far outside of the view would be projected into the image.
        """
        pixels = self.project(rays)
        end = (self.width - 0.5 + _EDGE, self.height - 0.5 + _EDGE)
        inside = (pixels >= -0.5 - _EDGE).all(-1) & (pixels <= end).all(-1)
        radius = np.linalg.norm(rays, axis=-1)
        return np.asarray(inside & (radius <= self._largest_radius(float(radius.max(initial=0.0)))))

    def _largest_radius(self, limit: float) -> float:
        """Largest radius of a ray, up to a limit, up to which the distorted radius grows with the radius."""
        if not self.distorted:
            return limit
        radius = np.linspace(0.0, limit, 2000)
        turns = np.nonzero(np.diff(radius * self._radial(radius)) <= 0.0)[0]
        return float(radius[turns[0]]) if len(turns) else limit

    def _distort(self, rays: Array) -> Array:
        """Distorted rays (N, 2), by the formulas of cv2.projectPoints, without its large Jacobian."""
        r2 = np.einsum("ni,ni->n", rays, rays)
        distorted = rays * self._radial(np.sqrt(r2))[:, None]
        if self.distortion_model == "equidistant":
            return distorted
        _, _, p1, p2, _, _, _, _, s1, s2, s3, s4, tilt_x, tilt_y = self._coefficients
        x, y = rays.T
        distorted[:, 0] += 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x) + s1 * r2 + s2 * r2 * r2
        distorted[:, 1] += 2.0 * p2 * x * y + p1 * (r2 + 2.0 * y * y) + s3 * r2 + s4 * r2 * r2
        return _tilted(distorted, tilt_x, tilt_y) if tilt_x or tilt_y else distorted

    def _radial(self, radius: Array) -> Array:
        """Factor (N,) by which the model's radial part moves rays of these radii (N,)."""
        if self.distortion_model == "equidistant":
            angle = np.arctan(radius)
            distorted = angle * np.polynomial.polynomial.polyval(angle**2, (1.0, *self._coefficients))
            return np.divide(distorted, radius, out=np.ones_like(radius), where=radius > 1e-9)
        k1, k2, _, _, k3, k4, k5, k6 = self._coefficients[:8]
        r2 = radius**2
        upper = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
        return np.asarray(upper / (1.0 + r2 * (k4 + r2 * (k5 + r2 * k6))))

    @property
    def _coefficients(self) -> Array:
        """Coefficients of the model, absent ones zero.

        4 of a fisheye, else k1 k2 p1 p2 k3 k4 k5 k6 s1 s2 s3 s4 tilt_x tilt_y.
        """
        full = np.zeros(4 if self.distortion_model == "equidistant" else 14)
        full[: len(self.distortion)] = self.distortion
        return full


def _tilted(points: Array, tilt_x: float, tilt_y: float) -> Array:
    """Points (N, 2) at depth one on a sensor that is turned about x and y by these angles, in radians (Scheimpflug)."""
    cos_x, sin_x, cos_y, sin_y = np.cos(tilt_x), np.sin(tilt_x), np.cos(tilt_y), np.sin(tilt_y)
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cos_x, sin_x], [0.0, -sin_x, cos_x]])
    about_y = np.array([[cos_y, 0.0, -sin_y], [0.0, 1.0, 0.0], [sin_y, 0.0, cos_y]])
    turned = about_y @ about_x
    onto_sensor = np.array([[turned[2, 2], 0.0, -turned[0, 2]], [0.0, turned[2, 2], -turned[1, 2]], [0.0, 0.0, 1.0]])
    homogeneous = np.column_stack([points, np.ones(len(points))]) @ (onto_sensor @ turned).T
    return np.asarray(homogeneous[:, :2] / homogeneous[:, 2:])
