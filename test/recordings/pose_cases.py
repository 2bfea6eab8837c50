"""Cases of messages with poses, with their matrices by SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from message_ways import Case
from scipy.spatial.transform import Rotation

from localization_common.datasets.rosbag2_encoding import header, new
from localization_common.messages import stamped_transforms

STAMP = 1_700_000_000_123_456_789
XYZ, XYZW = (1.5, -2.0, 0.25), (0.1, -0.2, 0.3, 0.9273618495495704)
GEOMETRY = "geometry_msgs/msg/"
TYPES = (
    GEOMETRY + "PoseStamped",
    GEOMETRY + "PoseWithCovarianceStamped",
    "nav_msgs/msg/Odometry",
    GEOMETRY + "TransformStamped",
    "tf2_msgs/msg/TFMessage",
)


def matrix(xyz: tuple[float, ...] = XYZ, xyzw: tuple[float, ...] = XYZW) -> np.ndarray:
    """Transform (4, 4)."""
    result = np.eye(4)
    result[:3, :3] = Rotation.from_quat(xyzw, scalar_first=False).as_matrix()
    result[:3, 3] = xyz
    return result


def message(kind: str, xyz: tuple[float, ...] = XYZ, xyzw: tuple[float, ...] = XYZW, frame: str = "/map") -> Any:
    """Message of a type of `TYPES`."""
    x, y, z = xyz
    rotation = new(GEOMETRY + "Quaternion", **dict(zip("xyzw", xyzw, strict=True)))
    pose = new(GEOMETRY + "Pose", position=new(GEOMETRY + "Point", x=x, y=y, z=z), orientation=rotation)
    uncertain = new(GEOMETRY + "PoseWithCovariance", pose=pose, covariance=np.zeros(36))
    head, vector = header(STAMP, frame), new(GEOMETRY + "Vector3", x=x, y=y, z=z)
    if kind.endswith("PoseStamped"):
        return new(kind, header=head, pose=pose)
    if kind.endswith("PoseWithCovarianceStamped"):
        return new(kind, header=head, pose=uncertain)
    if kind.endswith("Odometry"):
        still = new(GEOMETRY + "Twist", linear=vector, angular=vector)
        twist = new(GEOMETRY + "TwistWithCovariance", twist=still, covariance=np.zeros(36))
        return new(kind, header=head, child_frame_id="/base", pose=uncertain, twist=twist)
    part = new(
        GEOMETRY + "TransformStamped",
        header=head,
        child_frame_id="/base",
        transform=new(GEOMETRY + "Transform", translation=vector, rotation=rotation),
    )
    return part if kind.endswith("TransformStamped") else new(kind, transforms=[part])


def read(kind: str) -> Any:
    """Reader of all matrices, or of the reasons for having none."""

    def matrices(received: Any) -> Any:
        found, refused = stamped_transforms(received, kind)
        return "; ".join(refused) if refused else np.array([part.matrix for part in found]).reshape(-1, 4)

    return matrices


def wrong() -> list[Case]:
    """Cases of messages that are no pose."""
    nan, inf = float("nan"), float("inf")
    table: dict[str, tuple[tuple[float, ...], tuple[float, ...], str]] = {
        "zero quaternion": (XYZ, (0.0,) * 4, "(x, y, z, w) has norm 0; it must be 1"),
        "long quaternion": (XYZ, (0.0, 0.0, 0.0, 2.0), "has norm 2"),
        "huge quaternion": (XYZ, (0.0, 1e308, 0.0, 1e308), "it must be 1"),
        "NaN in the quaternion": (XYZ, (nan, 0.0, 0.0, 1.0), "pose is not finite"),
        "NaN in the position": ((nan, 0.0, 0.0), XYZW, "pose is not finite"),
        "infinite position": ((0.0, -inf, 0.0), XYZW, "pose is not finite"),
        "huge position": ((0.0, 1e308, 0.0), XYZW, "further than 1e+07 m from the frame's origin"),
    }
    cases = []
    for name, (xyz, xyzw, reason) in table.items():
        for kind in TYPES:
            place = f"map to base at {STAMP} ns: " if kind in TYPES[2:] else f"map at {STAMP} ns: "
            cases.append(Case(f"{name} of {kind}", kind, message(kind, xyz, xyzw), read(kind), place))
        cases.append(Case(f"{name}, reason", TYPES[0], message(TYPES[0], xyz, xyzw), read(TYPES[0]), reason))
    return cases


def right() -> list[Case]:
    """Cases of each type, and of a quaternion whose norm is not exactly one."""
    off = tuple(1.05 * v for v in XYZW)
    return [
        *(Case(kind, kind, message(kind), read(kind), matrix(), tolerance=1e-12) for kind in TYPES),
        *(Case(f"{kind}, norm 1.05", kind, message(kind, XYZ, off), read(kind), matrix(), 1e-12) for kind in TYPES),
    ]


CASES = [*right(), *wrong()]
