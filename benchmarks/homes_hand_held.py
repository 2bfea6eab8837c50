"""Real, hand-held recordings of the benchmark of homes: RedKitchen of 7-Scenes, and a desk of TUM RGB-D."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from dmn_ros.map.hand_held import upright
from dmn_ros.map.map_building import MapOptions
from dmn_ros.runtime.checkpoint import load_network
from homes_config import HomesConfig
from homes_places import Numbers, localized
from localization_common.datasets.frame_ranges import FrameRanges
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.sequence import Poses, Sequence
from localization_common.errors import CameraError

#: Frames of RedKitchen that are localized, as in all results of this repository; the others are for the map.
_HELD_OUT = "200-239,450-489,700-739"
#: Number of frames of the desk in a row that are for the map, then to localize.
_BLOCK = 20
#: Views of the map: rooms of a few square metres need them closer together than an apartment.
_VIEWS = MapOptions(spacing_d=0.4, spacing_a=0.3)
KITCHEN, DESK = "RedKitchen", "TUM fr1 rpy"
_FOLDERS = {KITCHEN: "7scenes/redkitchen/seq-01", DESK: "tum/rgbd_dataset_freiburg1_rpy"}


def recordings(config: HomesConfig) -> list[str]:
    """List the recordings that are there."""
    return [name for name, folder in _FOLDERS.items() if (config.data / folder).is_dir()]


def score(config: HomesConfig, network: Path, name: str) -> Numbers:
    """Score a network in a recording; images are rotated upright by the roll and pitch of their true poses."""
    sequence = open_sequence(config.data / _FOLDERS[name]).with_poses()
    if name == KITCHEN:  # the frame of its poses is that of a first camera
        sequence = replace(sequence, map_T_camera=levelled(sequence.map_T_camera))
    loaded, camera, _ = load_network(network)
    held_out = _held_out(name, sequence)
    try:
        parts = [
            upright(sequence.select(rows), camera, partial_views=loaded.config.partial_views)
            for rows in (~held_out, held_out)
        ]
    except CameraError as error:
        return {"refused": str(error)}
    about = {"map_frames": [int((~held_out).sum()), len(parts[0])], "frames": [int(held_out.sum()), len(parts[1])]}
    return about | localized(config, network, [parts[0]], parts[1], _VIEWS)


def _held_out(name: str, sequence: Sequence) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Mask (N,) of the frames to localize."""
    if name == KITCHEN:
        return FrameRanges.parse(_HELD_OUT).mask(sequence.frame_numbers)
    return np.asarray(np.arange(len(sequence)) // _BLOCK % 2 == 1)


def levelled(map_T_camera: Poses) -> Poses:
    """Turn poses (N, 4, 4) of a camera that nobody rolls on purpose so that the z axis points up.

    The right side of such a camera is level in most frames: the vertical is the direction that their right axes have
    the smallest part in.
    """
    right = map_T_camera[:, :3, 0]
    up = np.linalg.eigh(right.T @ right)[1][:, 0]
    up *= -np.sign((map_T_camera[:, :3, 1] @ up).mean())  # y points down
    ahead = np.cross(np.eye(3)[int(np.abs(up).argmin())], up)
    ahead /= np.linalg.norm(ahead)
    level_T_map = np.eye(4)
    level_T_map[:3, :3] = np.stack([ahead, np.cross(up, ahead), up])
    return np.asarray(level_T_map @ map_T_camera)
