"""Reader of GQN's data (Eslami et al. 2018), such as ``rooms_free_camera_with_object_rotations`` and ``mazes``.

A TFRecord file holds one example for each world, with the features ``frames`` (JPEG or PNG pictures) and ``cameras``
(x, y, z, yaw, pitch of each, as floats).
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.datasets.picture_files import require_picture
from localization_common.datasets.protobuf_messages import Field, message_classes, parse
from localization_common.datasets.tfrecord import read_records
from localization_common.datasets.worlds import WorldSet
from localization_common.errors import DatasetError
from localization_common.geometry.planar import wrap_angle

SUFFIX = ".tfrecord"

#: tf.train.Example. A map is a repeated message of keys and values.
_EXAMPLE: dict[str, dict[str, Field]] = {
    "BytesList": {"value": (1, "bytes", True)},
    "FloatList": {"value": (1, "float", True)},
    "Feature": {"bytes_list": (1, "BytesList"), "float_list": (2, "FloatList")},
    "Entry": {"key": (1, "string"), "value": (2, "Feature")},
    "Features": {"feature": (1, "Entry", True)},
    "Example": {"features": (1, "Features")},
}
_CAMERA = 5


def read_gqn(path: str | Path, *, size: int = 32, scale: float = 1.0, limit: int | None = None) -> WorldSet:
    """Worlds of all TFRecord files of a directory, or of one file.

    Args:
        path: ``train`` or ``test`` of one of GQN's data sets.
        size: width and height in pixels to which pictures are resized (the DMN paper: 32).
        scale: map units for each of the data's units, so that the environment spans -1..1.
        limit: number of worlds to read at most, from the first.

    Raises:
        DatasetError: there is no file, a file is damaged, or it lacks the features of GQN's data.
    """
    location = Path(path).expanduser()
    files = [location] if location.is_file() else sorted(location.glob(f"*{SUFFIX}"))
    if not files:
        raise DatasetError(
            f"{location}: no *{SUFFIX} files; give the train or test directory of one of GQN's data sets"
        )
    example = message_classes("tensorflow", _EXAMPLE)["Example"]
    records = ((file, data) for file in files for data in read_records(file))
    worlds = [_read_world(file, example, data, size) for file, data in islice(records, limit)]
    if len({len(images) for images, _ in worlds}) != 1:
        raise DatasetError(f"{location}: no worlds, or worlds with different numbers of pictures")
    images, poses = (np.stack(parts) for parts in zip(*worlds, strict=True))
    poses[..., :2] *= scale
    # rooms_.../train/0001-of-2034.tfrecord: the name of the data set, not of the split.
    directory = location.parent if location.is_file() else location
    name = directory.parent.name if directory.name in ("train", "test") else directory.name
    return WorldSet(name, images, poses, np.zeros(images.shape[:2], np.uint8))


def _read_world(
    file: Path, example: Any, data: bytes, size: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Pictures (views, size, size, 3) and poses (views, 3) of one record."""
    features = {entry.key: entry.value for entry in parse(example, data, file).features.feature}
    if not {"frames", "cameras"} <= set(features):
        raise DatasetError(f"{file}: features {sorted(features)}; GQN's data has frames and cameras")
    frames = features["frames"].bytes_list.value
    cameras = np.array(features["cameras"].float_list.value, dtype=np.float32)
    if len(frames) == 0 or len(cameras) != _CAMERA * len(frames):
        raise DatasetError(f"{file}: {len(frames)} frames, but {len(cameras)} camera numbers; {_CAMERA} each wanted")
    poses = cameras.reshape(-1, _CAMERA)[:, [0, 1, 3]]
    poses[:, 2] = wrap_angle(poses[:, 2])
    return np.stack([decode_picture(file, frame, (size, size)) for frame in frames]), poses


def decode_picture(where: object, data: bytes, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Picture (height, width, 3) uint8 RGB of compressed bytes, shrunk by averaging areas.

    Args:
        where: file or record, for the message.
        data: JPEG or PNG.
        size: height and width.

    Raises:
        DatasetError: it cannot be decoded.
    """
    require_picture(where, data)
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise DatasetError(f"{where}: {len(data)} bytes are no picture that OpenCV can decode; copy it again")
    resized = cv2.resize(picture, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(resized, cv2.COLOR_BGR2RGB), dtype=np.uint8)
