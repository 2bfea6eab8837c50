"""Findings on the camera: field of view, resolution, and a plausible calibration."""

from __future__ import annotations

import numpy as np

from localization_common.camera import Camera
from localization_common.recording_check.findings import CheckResult, Grade

#: Field of view in degrees. All results of this package are from views of 62 degrees (7-Scenes) and wider; a narrower
#: one often shows a bare wall only. The shipped dmn networks see 90 degrees.
_NARROW_DEG, _DMN_DEG = 55.0, 90.0
#: Size in pixels: the smallest input of a network of this package is 160 x 112 (`VLocNetConfig.light`).
_SMALL = (160, 112)
#: Difference of the focal lengths: pixels of today's sensors are square to 1 %. Distance of the principal point from
#: the centre, as a share of the size: it is a few per cent for lenses, and more for cropped images.
_NOT_SQUARE, _OFF_CENTRE = 0.05, 0.15
#: Share of the picture that the distortion model may leave without a ray: a fisheye's black corners are 21 %.
_WITHOUT_RAY = 0.25


def check_camera(camera: Camera) -> CheckResult:
    """Check the field of view, the resolution and the calibration."""
    width, height = field_of_view(camera)
    lost = share_without_ray(camera)
    off = max(abs((camera.cx + 0.5) / camera.width - 0.5), abs((camera.cy + 0.5) / camera.height - 0.5))
    ratio = camera.fx / camera.fy
    numbers = {
        "width_px": camera.width,
        "height_px": camera.height,
        "fx_px": camera.fx,
        "fy_px": camera.fy,
        "cx_px": camera.cx,
        "cy_px": camera.cy,
        "distortion_model": camera.distortion_model if camera.distorted else "none",
        "distortion": list(camera.distortion),
        "horizontal_view_deg": width,
        "vertical_view_deg": height,
        "without_ray_share": lost,
        "off_centre_share": off,
        "focal_ratio": ratio,
    }
    sentence = f"{camera.width}x{camera.height}, {width:.0f} x {height:.0f} deg, {_model(camera)}"
    wrong, advice = _faults(camera, width, lost, off, ratio)
    if wrong:
        return CheckResult("camera", Grade.WARN, "; ".join([sentence, *wrong]), " ".join(advice), numbers)
    narrow = f"For dmn, train with --horizontal-fov {np.floor(width):.0f}: its default is {_DMN_DEG:.0f} degrees."
    return CheckResult("camera", Grade.OK, sentence, narrow if width < _DMN_DEG - 1.0 else "", numbers)


def _faults(camera: Camera, width: float, lost: float, off: float, ratio: float) -> tuple[list[str], list[str]]:
    wrong, advice = [], []
    again = (
        "Calibrate the camera at the resolution that is recorded, and record that camera_info (or give --camera FILE)."
    )
    if width < _NARROW_DEG:
        wrong.append("the view is narrow")
        advice.append(f"Use a wider lens ({_NARROW_DEG:.0f} degrees at least; {_DMN_DEG:.0f} is good).")
    if camera.width < _SMALL[0] or camera.height < _SMALL[1]:
        wrong.append(f"the pictures are small (networks see {_SMALL[0]}x{_SMALL[1]} at least)")
        advice.append("Record at a higher resolution.")
    if lost > _WITHOUT_RAY:
        wrong.append(f"the distortion model turns back in {lost:.0%} of the picture")
        advice.append(again)
    elif off > _OFF_CENTRE or abs(ratio - 1.0) > _NOT_SQUARE:
        wrong.append(f"the principal point is {off:.0%} off the centre and fx is {ratio:.2f} fy")
        advice.append(again)
    return wrong, advice


def field_of_view(camera: Camera) -> tuple[float, float]:
    """Horizontal and vertical field of view in degrees, through the principal point, to the borders of the picture."""
    across = _angle(camera, camera.cx + 0.5, 0) + _angle(camera, camera.width - 0.5 - camera.cx, 0)
    down = _angle(camera, camera.cy + 0.5, 1) + _angle(camera, camera.height - 0.5 - camera.cy, 1)
    return across, down


def share_without_ray(camera: Camera, *, columns: int = 24, rows: int = 18) -> float:
    """Share 0..1 of the picture whose pixels get no ray from the calibration that leads back to them."""
    if not camera.distorted:
        return 0.0
    u, v = np.meshgrid(np.linspace(0, camera.width - 1, columns), np.linspace(0, camera.height - 1, rows))
    pixels = np.stack([u.ravel(), v.ravel()], axis=1)
    with np.errstate(all="ignore"):
        rays = camera.rays(pixels)
        finite = np.isfinite(rays).all(axis=1)
        rays[~finite] = 0.0
        back = np.linalg.norm(camera.project(rays) - pixels, axis=1) < 1.0
    return 1.0 - float((finite & back & camera.sees(rays)).mean())


def _angle(camera: Camera, pixels: float, axis: int) -> float:
    """Degrees between the optical axis and the ray of a pixel that is so far from the principal point on one axis."""
    wanted = pixels / (camera.fx, camera.fy)[axis]
    # The distortion is inverted by a table, so that a fisheye may see more than 180 degrees. Tangential parts are left
    # out: they move a border by a fraction of a degree.
    angles = np.linspace(0.0, np.pi if camera.distortion_model == "equidistant" else np.radians(89.0), 2000)
    bent = _bent(camera, angles)
    rising = np.maximum.accumulate(bent)
    return float(np.degrees(np.interp(wanted, rising, angles)))


def _bent(camera: Camera, angles: np.typing.NDArray[np.float64]) -> np.typing.NDArray[np.float64]:
    """Radius (N,) in the picture at focal length one of rays at these angles (N,) from the axis."""
    if camera.distortion_model == "equidistant":
        coefficients = (1.0, *(camera.distortion or (0.0,) * 4))
        return np.asarray(angles * np.polynomial.polynomial.polyval(angles**2, coefficients))
    radius = np.tan(angles)
    centred = Camera(camera.width, camera.height, 1.0, 1.0, 0.0, 0.0, camera.distortion_model, camera.distortion)
    return np.asarray(centred.project(np.stack([radius, np.zeros_like(radius)], axis=1))[:, 0])


def _model(camera: Camera) -> str:
    return camera.distortion_model if camera.distorted else "without distortion"
