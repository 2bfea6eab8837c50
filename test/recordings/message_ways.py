"""Messages that are received in two ways: as an object of rosbags from a bag, and as one of rclpy."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.rosbag2 import Reader, StoragePlugin, Writer

from localization_common.camera import Camera
from localization_common.datasets.rosbag2_encoding import STORE
from localization_common.errors import CameraError, InputError


@dataclass(frozen=True)
class Case:
    """Message and its content.

    Attributes:
        name: name of the case.
        kind: type of the message, such as ``sensor_msgs/msg/Image``.
        message: object of rosbags.
        read: function under test.
        expected: array, Camera or other value; or part of an error's text.
        tolerance: largest difference of an array.
        margin: pixels at the border that are not compared.
    """

    name: str
    kind: str
    message: Any
    read: Callable[[Any], Any]
    expected: Any
    tolerance: float = 0.0
    margin: int = 0


def through_bag(cases: Iterable[Case], folder: Path) -> dict[str, Any]:
    """Objects of rosbags, by name of the case, written to a bag and read again."""
    cases = list(cases)
    with Writer(folder / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for stamp, case in enumerate(cases):
            connection = writer.add_connection(f"/case_{stamp}", case.kind, typestore=STORE)
            writer.write(connection, stamp, STORE.serialize_cdr(case.message, case.kind))
    with Reader(folder / "bag") as reader:
        return {
            cases[stamp].name: STORE.deserialize_cdr(raw, connection.msgtype)
            for connection, stamp, raw in reader.messages()
        }


def ros_type(kind: str) -> type[Any]:
    """Class of rclpy for a message such as ``sensor_msgs/msg/Image``."""
    package, _, name = kind.split("/")
    return getattr(importlib.import_module(f"{package}.msg"), name)


def through_ros(case: Case) -> Any:
    """Object of rclpy, from the same bytes as in the bag."""
    serialization = pytest.importorskip(
        "rclpy.serialization", reason="rclpy is not installed: half of the test is missing"
    )
    return serialization.deserialize_message(bytes(STORE.serialize_cdr(case.message, case.kind)), ros_type(case.kind))


def outcome(case: Case, message: Any) -> Any:
    """Value that is read, or the text of its error."""
    try:
        return case.read(message)
    except (InputError, CameraError) as error:
        return str(error)


def assert_right(case: Case, value: Any) -> None:
    """Compare with the expected value."""
    if isinstance(case.expected, str):
        assert isinstance(value, str), f"read as {value!r}, but should be refused: {case.expected}"
        assert case.expected in value
        assert "cv2" not in value
        assert "OpenCV(" not in value
        return
    assert not isinstance(value, str), value
    if isinstance(case.expected, Camera):
        assert value.distortion_model == case.expected.distortion_model
        assert (value.width, value.height) == (case.expected.width, case.expected.height)
        numbers = [[c.fx, c.fy, c.cx, c.cy, *c.distortion] for c in (value, case.expected)]
        np.testing.assert_allclose(*numbers, rtol=1e-12)
    elif isinstance(case.expected, np.ndarray):
        assert (value.dtype, value.shape) == (case.expected.dtype, case.expected.shape)
        height, width = case.expected.shape[:2]
        inner = np.s_[case.margin : height - case.margin, case.margin : width - case.margin]
        found, right = value[inner].astype(float), case.expected[inner].astype(float)
        np.testing.assert_allclose(found, right, rtol=0.0, atol=case.tolerance)  # NaN only where NaN is expected
    else:
        assert value == case.expected


def assert_same(first: Any, second: Any) -> None:
    """Compare the values of the two ways: they must be the same to the last bit."""
    assert type(first) is type(second)
    if isinstance(first, np.ndarray):
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first, second)
    else:
        assert first == second
