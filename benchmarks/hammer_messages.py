"""Malformed messages of every kind for `hammer`: none of them may change the poses of the nodes.

Errors that no node can detect are not included: odometry that is wrong by half a metre, the calibration of another
camera with the same image size, another static mount, a picture of another place with the right stamp.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseWithCovarianceStamped, TransformStamped
from lifecycle_msgs.srv import ChangeState
from nav_msgs.msg import Odometry
from rcl_interfaces.srv import DescribeParameters, GetParameters, SetParameters
from rclpy.parameter import Parameter
from tf2_msgs.msg import TFMessage

import hammer_pictures as pictures
from hammer_robot import BASE, CAMERA_FRAME, HammerRobot, time_of
from localization_common.ros.conversions import camera_to_info
from localization_common.ros.outputs import header

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
NAN, HUGE = float("nan"), 1e308
FRAMES = ("", "unknown", "/", "///", "a/b/../c", "camera_optical_frame\n", "\u2603", "x" * 10_240)
PARAMETERS: tuple[tuple[str, Any], ...] = (
    ("transform_timeout", NAN), ("transform_timeout", -1.0), ("transform_tolerance", 1e9), ("transform_tolerance", "x"),
    ("tf_mode", "sideways"), ("base_frame_id", ""), ("base_frame_id", "x" * 10_240), ("checkpoint", "/dev/null"),
    ("camera_info_timeout", float("inf")), ("device", "cuda:99"), ("no_such_parameter", 1), ("threads", -5),
    ("random_seed", -1), ("max_particles", 10**12), ("use_sim_time", "maybe"),
)  # fmt: skip


class Storm:
    """Publishes one malformed message with each call.

    Args:
        robot: robot with the publishers.
        random: source of kinds and values.
        nodes: nodes whose services are called.
    """

    def __init__(self, robot: HammerRobot, random: np.random.Generator, nodes: list[str]) -> None:
        self._robot, self._random = robot, random
        self.sent: Counter[str] = Counter()
        images: list[Callable[[int], str]] = [self._bad_picture, self._bad_picture, self._bad_stamp, self._bad_frame]
        others = [self._bad_info, self._bad_odometry, self._bad_transform, self._bad_pose]
        self._kinds = [*images, *others, *others, *images]
        self._requests = [request for name in nodes for request in _requests(robot, name)]

    def publish(self, now: int) -> None:
        """Publish one message at this time (nanoseconds); every fortieth call is a request to a service."""
        count = sum(self.sent.values())
        if count % 40 == 39:
            kind, send = self._one(self._requests)
            send()
        else:
            kind = self._one(self._kinds)(now)
        self.sent[kind] += 1

    def _one(self, choices: Any) -> Any:
        return choices[int(self._random.integers(len(choices)))]

    def _wrong_stamp(self, now: int) -> int:
        """Choose a stamp of another time."""
        wrong = (0, 1, now - HOUR, now + HOUR, now + 8 * SECOND, now - 40 * SECOND, -5 * SECOND, (2**31 - 1) * SECOND)
        return int(self._one(wrong))

    # Images.

    def _send(self, picture: Any, stamp: int, frame_id: str) -> None:
        if self._robot.compressed:
            self._robot.images.publish(pictures.compressed(pictures.jpeg(picture), stamp, frame_id))
        else:
            self._robot.images.publish(pictures.raw(picture, stamp, frame_id))

    def _bad_picture(self, now: int) -> str:
        picture = self._robot.picture(int(self._random.integers(1000)))
        if self._robot.compressed:
            kind = self._one(list(pictures.COMPRESSED))
            make, form = pictures.COMPRESSED[kind]
            message: Any = pictures.compressed(make(picture, self._random), now, CAMERA_FRAME, form)
        else:
            kind = self._one(list(pictures.RAW))
            changed, fields = pictures.RAW[kind](picture, self._random)
            message = pictures.raw(changed, now, CAMERA_FRAME, **fields)
        self._robot.images.publish(message)
        return f"image: {kind}"

    def _bad_stamp(self, now: int) -> str:
        """Send a good picture with a wrong stamp: of another time, of a processed image, or earlier than that image."""
        last = self._robot.answered_stamp
        stamp = self._one((self._wrong_stamp(now), last, last - int(self._random.integers(1, 900_000_000))))
        self._send(self._robot.picture(int(self._random.integers(1000))), stamp, CAMERA_FRAME)
        return "image: stamp"

    def _bad_frame(self, now: int) -> str:
        """Send a picture of one colour with a wrong frame_id; the frame_id alone is no error for dmn."""
        picture = pictures.constant(self._robot.picture(0), self._random)
        self._send(picture, now, self._one(FRAMES))
        return "image: frame"

    # Calibration.

    def _bad_info(self, now: int) -> str:
        info = camera_to_info(self._robot.camera, header(now, CAMERA_FRAME))
        width, height = info.width, info.height
        kind, fields = self._one(
            (
                ("zeros", {"k": [0.0] * 9, "p": [0.0] * 12, "width": 0, "height": 0}),
                ("uncalibrated", {"k": [0.0] * 9, "d": [0.0] * 5}),
                ("NaN", {"k": [NAN] * 9}),
                ("NaN", {"d": [NAN] * 5}),
                ("infinite", {"k": [float("inf"), *info.k[1:]]}),
                ("model", {"distortion_model": "banana", "d": [0.1] * 5}),
                ("model", {"distortion_model": "equidistant", "d": [0.1] * 3}),
                ("model", {"distortion_model": "rational_polynomial", "d": [0.1] * 100_000}),
                ("other size", {"width": 2 * width, "height": 2 * height, "k": [2.0 * v for v in info.k[:8]] + [1.0]}),
                ("other size", {"width": height, "height": width, "k": [*info.k[3:6], *info.k[:3], *info.k[6:]]}),
                ("other size", {"width": 2**32 - 1, "height": 2**32 - 1}),
                ("binning", {"binning_x": 1000, "binning_y": 1000}),
                ("negative", {"k": [-v for v in info.k]}),
            )
        )
        for name, value in fields.items():
            setattr(info, name, value)
        if kind == "binning":
            info.roi.x_offset = 2**32 - 1
        self._robot.infos.publish(info)
        return f"camera_info: {kind}"

    # Odometry and TF.

    def _bad_odometry(self, now: int) -> str:
        message = Odometry(header=header(now, "odom"), child_frame_id=BASE)
        position, turn = message.pose.pose.position, message.pose.pose.orientation
        position.x, turn.w = 3.0, 1.0
        kind = self._one(("NaN", "quaternion", "1e308", "jump", "jump", "frame", "stamp", "stamp"))
        if kind == "NaN":
            position.y = NAN
        elif kind == "quaternion":
            turn.w = float(self._one((0.0, 5.0, NAN, 1e-300)))
        elif kind == "1e308":
            position.x = HUGE
        elif kind == "jump":
            position.x, position.y = float(self._one((1e6, -1e6, 1e5))), float(self._one((0.0, 1e6)))
        elif kind == "frame":
            message.child_frame_id = str(self._one(("wheel", "x" * 10_240, "camera_optical_frame")))
            message.header.frame_id = str(self._one(("odom", "map", "", "nowhere")))
        else:
            message.header.stamp = time_of(self._wrong_stamp(now))
        self._robot.odometry.publish(message)
        return f"odometry: {kind}"

    def _bad_transform(self, now: int) -> str:
        t = TransformStamped(header=header(now, "odom"), child_frame_id=BASE)
        t.transform.rotation.w, t.transform.translation.x = 1.0, 3.0
        publisher, kind = self._robot.tf, self._one((*_TRANSFORMS, "stamp", "NaN", "static NaN", "long name"))
        if kind in _TRANSFORMS:
            t.header.frame_id, t.child_frame_id = _TRANSFORMS[kind]
        elif kind == "stamp":
            t.header.stamp = time_of(self._wrong_stamp(now))
        elif kind == "long name":
            t.header.frame_id, t.child_frame_id = f"{now}{'y' * 10_000}", f"{now}{'x' * 10_000}"
        else:
            t.transform.translation.x = float(self._one((NAN, HUGE, 1e9)))
            if kind == "static NaN":
                publisher, t.header.frame_id, t.child_frame_id = self._robot.static, BASE, CAMERA_FRAME
        publisher.publish(TFMessage(transforms=[t]))
        return f"TF: {kind}"

    # Poses of users and of other localizers.

    def _bad_pose(self, now: int) -> str:
        message = PoseWithCovarianceStamped(header=header(now, "map"))
        position, turn = message.pose.pose.position, message.pose.pose.orientation
        turn.w = 1.0
        covariance = np.eye(6)
        kind = self._one(("NaN", "frame", "variance", "asymmetric", "quaternion", "1e308"))
        if kind == "NaN":
            position.x = NAN
        elif kind == "frame":
            message.header.frame_id = self._one(FRAMES)
        elif kind == "variance":
            covariance[0, 0] = -1.0
        elif kind == "asymmetric":
            covariance[0, 1] = float(self._one((5.0, NAN)))
        elif kind == "quaternion":
            turn.w = 0.0
        else:
            position.y = HUGE
        message.pose.covariance = covariance.ravel()
        self._one((self._robot.initial, self._robot.proposal)).publish(message)
        return f"pose: {kind}"


#: Name -> parent and child of transforms that contradict those of the robot.
_TRANSFORMS = {
    "self-parent": (BASE, BASE),
    "loop": (CAMERA_FRAME, BASE),
    "loop of three": (CAMERA_FRAME, "odom"),
    "second map": ("map", "odom"),
    "re-parenting of the camera": ("nowhere", CAMERA_FRAME),
    "re-parenting of the camera to odom": ("odom", CAMERA_FRAME),
    "re-parenting of the base": ("elsewhere", BASE),
    "moving mount": (BASE, CAMERA_FRAME),
    "empty parent": ("", BASE),
    "empty child": ("odom", ""),
}


def _requests(robot: HammerRobot, name: str) -> list[tuple[str, Callable[[], None]]]:
    """Requests to the services of a node that must be refused."""
    node = robot.node
    set_parameters = node.create_client(SetParameters, f"{name}/set_parameters")
    get_parameters = node.create_client(GetParameters, f"{name}/get_parameters")
    describe = node.create_client(DescribeParameters, f"{name}/describe_parameters")
    change = node.create_client(ChangeState, f"{name}/change_state")

    def call(client: Any, request: Any) -> Callable[[], None]:
        return lambda: client.call_async(request)

    requests: list[tuple[str, Callable[[], None]]] = []
    for key, value in PARAMETERS:
        wrong = [Parameter(key, value=value).to_parameter_msg()]
        requests.append(("parameter", call(set_parameters, SetParameters.Request(parameters=wrong))))
    names = ["x" * 1000, "", "a.b.c"] * 30
    requests.append(("service", call(get_parameters, GetParameters.Request(names=names))))
    requests.append(("service", call(describe, DescribeParameters.Request(names=names))))
    for number in (0, 1, 99, 250):
        request = ChangeState.Request()
        request.transition.id = number
        requests.append(("transition", call(change, request)))
    return requests
