"""Cases of sensor_msgs/CameraInfo from drivers, with cameras that were computed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from message_ways import Case

from localization_common.camera import Camera
from localization_common.datasets.rosbag2_encoding import header, new
from localization_common.messages import camera_from

KIND = "sensor_msgs/msg/CameraInfo"
K = (525.0, 0.0, 319.5, 0.0, 520.0, 239.5, 0.0, 0.0, 1.0)
P = (500.0, 0.0, 310.0, -40.0, 0.0, 500.0, 230.0, 0.0, 0.0, 0.0, 1.0, 0.0)
FOUR = (0.1, -0.2, 0.001, 0.002)
FIVE = (*FOUR, 0.03)
EIGHT = (*FIVE, 0.04, -0.05, 0.06)
TWELVE = (*EIGHT, 0.001, -0.002, 0.003, -0.004)
FOURTEEN = (*TWELVE, 0.02, -0.01)


def info(model: str = "plumb_bob", d: tuple[float, ...] = (0.0,) * 5, **changes: Any) -> Any:
    """Message of a camera of 640x480; ``roi`` is (x_offset, y_offset, width, height)."""
    left, top, width, height = changes.pop("roi", (0, 0, 0, 0))
    region = "sensor_msgs/msg/RegionOfInterest"
    fields: dict[str, Any] = {
        "header": header(1, "camera"),
        "width": 640,
        "height": 480,
        "distortion_model": model,
        "d": d,
        "k": K,
        "r": np.eye(3).ravel(),
        "p": P,
        "binning_x": 0,
        "binning_y": 0,
        "roi": new(region, x_offset=left, y_offset=top, width=width, height=height, do_rectify=False),
    }
    fields.update(changes)
    for name in ("d", "k", "r", "p"):
        fields[name] = np.array(fields[name], dtype=np.float64)
    return new(KIND, **fields)


def lens(model: str, *coefficients: float) -> Camera:
    """Camera of `info`, with another lens."""
    return Camera(640, 480, 525.0, 520.0, 319.5, 239.5, model, coefficients)


def models() -> list[Case]:
    """Cases of all models, in the names of drivers."""
    zeros = (0.0,) * 8
    table: dict[tuple[str, tuple[float, ...]], Camera] = {
        ("plumb_bob", ()): lens("plumb_bob"),
        ("plumb_bob", FOUR): lens("plumb_bob", *FOUR),
        ("plumb_bob", FIVE): lens("plumb_bob", *FIVE),
        ("plumb_bob", zeros): lens("plumb_bob"),
        ("plumb_bob", (*FIVE, 0.0, 0.0, 0.0)): lens("plumb_bob", *FIVE),
        ("radtan", FOUR): lens("plumb_bob", *FOUR),
        ("Brown Conrady", FIVE): lens("plumb_bob", *FIVE),
        ("rational_polynomial", (0.0,) * 14): lens("rational_polynomial"),
        ("rational_polynomial", FIVE): lens("rational_polynomial", *FIVE),
        ("rational_polynomial", EIGHT): lens("rational_polynomial", *EIGHT),
        ("rational_polynomial", TWELVE): lens("rational_polynomial", *TWELVE),
        ("rational_polynomial", (*TWELVE, 0.0, 0.0)): lens("rational_polynomial", *TWELVE, 0.0, 0.0),
        ("rational_polynomial", FOURTEEN): lens("rational_polynomial", *FOURTEEN),
        ("thin_prism", TWELVE): lens("rational_polynomial", *TWELVE),
        ("equidistant", FOUR): lens("equidistant", *FOUR),
        ("equidistant", ()): lens("equidistant"),
        ("equidistant", (*FOUR, 0.0)): lens("equidistant", *FOUR),
        ("fisheye", FOUR): lens("equidistant", *FOUR),
        ("kannala_brandt", FOUR): lens("equidistant", *FOUR),
        ("", ()): lens("plumb_bob"),
        ("none", (0.0,)): lens("plumb_bob"),
        ("pinhole", zeros): lens("plumb_bob"),
        ("inverse_brown_conrady", (0.0,) * 5): lens("plumb_bob"),
    }
    return [
        Case(f"{model!r} with {len(d)}, {sum(v != 0 for v in d)} not zero", KIND, info(model, d), camera_from, camera)
        for (model, d), camera in table.items()
    ]


def regions() -> list[Case]:
    """Cases of binning and of regions of interest; pixel centres are at integers, so binning moves them."""
    binned = Camera(320, 240, 262.5, 260.0, 159.5, 119.5)
    cut = Camera(400, 300, 525.0, 520.0, 219.5, 189.5)
    both = Camera(200, 100, 262.5, 520.0 / 3, (219.5 + 0.5) / 2 - 0.5, (189.5 + 0.5) / 3 - 0.5)
    roi = (100, 50, 400, 300)
    table: dict[str, tuple[dict[str, Any], Any]] = {
        "binning of 2": ({"binning_x": 2, "binning_y": 2}, binned),
        "binning of 1": ({"binning_x": 1, "binning_y": 1}, lens("plumb_bob")),
        "region": ({"roi": roi}, cut),
        "full region": ({"roi": (0, 0, 640, 480)}, lens("plumb_bob")),
        "region and binning": ({"roi": roi, "binning_x": 2, "binning_y": 3}, both),
        "region beyond": ({"roi": (300, 0, 400, 300)}, "roi of 400x300 at 300, 0 reaches beyond the image of 640x480"),
        "region without size": ({"roi": (10, 20, 0, 0)}, "set all four, or zeros for the full image"),
        "region without height": ({"roi": (0, 0, 10, 0)}, "set all four, or zeros for the full image"),
        "binning of all": ({"binning_x": 700, "binning_y": 1}, "leaves nothing of 640x480 pixels"),
    }
    return [Case(name, KIND, info(**changes), camera_from, expected) for name, (changes, expected) in table.items()]


def refusals() -> list[Case]:
    """Cases of messages that are no calibration, or have another model."""
    nan, calibrate = float("nan"), "the camera is not calibrated, run camera_calibration"
    transposed = tuple(np.array(K).reshape(3, 3).T.ravel())
    table: dict[str, tuple[dict[str, Any], str]] = {
        "all zero": ({"k": (0.0,) * 9, "p": (0.0,) * 12, "model": ""}, calibrate),
        "no size": ({"width": 0, "height": 0}, f"gives the size 0x0: {calibrate}"),
        "NaN in K": ({"k": (nan, *K[1:])}, calibrate),
        "infinite K": ({"k": (float("inf"), *K[1:])}, calibrate),
        "negative focal length": (
            {"k": (-525.0, *K[1:])},
            "-525, 520 cannot be those of an image of 640x480",
        ),
        "focal length in metres": ({"k": (0.0036, 0, 319.5, 0, 0.0036, 239.5, 0, 0, 1)}, "0.0036, 0.0036 cannot be"),
        "column by column": ({"k": transposed}, "row by row"),
        "other resolution": (
            {"k": (1050.0, 0, 960.0, 0, 1050.0, 540.0, 0, 0, 1)},
            "960, 540 lies outside of",
        ),
        "unknown model": ({"model": "fun_fair", "d": FOUR}, "unknown distortion model 'fun_fair'; known are plumb_bob"),
        "another model": (
            {"model": "inverse_brown_conrady", "d": FIVE},
            "unknown distortion model 'inverse",
        ),
        "no model": ({"model": "", "d": FIVE}, "distortion_model is '', but there are coefficients"),
        "model none": ({"model": "none", "d": FOUR}, "name the model"),
        "8 of plumb_bob": ({"d": EIGHT}, "plumb_bob has 8 coefficients"),
        "8 of plumb_bob, remedy": ({"d": EIGHT}, "name it rational_polynomial"),
        "2 of plumb_bob": ({"d": (0.1, 0.2)}, "it needs one of (0, 4, 5) coefficients"),
        "5 of equidistant": ({"model": "equidistant", "d": FIVE}, "equidistant has 5 coefficients"),
        "NaN in D": ({"d": (nan, 0.0, 0.0, 0.0, 0.0)}, "distortion of plumb_bob holds NaN or infinity"),
    }
    return [Case(name, KIND, info(**changes), camera_from, reason) for name, (changes, reason) in table.items()]


def rectified() -> list[Case]:
    """Cases of images that image_proc has rectified: P is taken."""

    def read(message: Any) -> Camera:
        return camera_from(message, rectified=True)

    expected = Camera(640, 480, 500.0, 500.0, 310.0, 230.0)
    return [
        Case("rectified", KIND, info("plumb_bob", FIVE), read, expected),
        Case("rectified, of an unknown lens", KIND, info("fun_fair", FIVE), read, expected),
        Case("rectified, without P", KIND, info(p=(0.0,) * 12), read, "camera_info's P is"),
    ]


CASES = [*models(), *regions(), *refusals(), *rectified()]
