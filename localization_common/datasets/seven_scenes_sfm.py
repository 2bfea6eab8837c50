"""SfM pseudo ground truth of 7-Scenes: other poses for the same images, and the colour camera's focal length.

Brachmann et al., On the Limits of Pseudo Ground Truth in Visual Camera Re-Localization, ICCV 2021: reconstructed with
COLMAP from the colour images, scaled and moved to the original poses. Published at
github.com/tsattler/visloc_pseudo_gt_limitations; its folder ``pgt`` belongs beside the directories of the scenes. The
files ``pgt/sfm/7scenes/<scene>_{train,test}.txt`` hold lines ``rgb_file qw qx qy qz tx ty tz f``, not sorted:
``seq-03/frame-000844.color.png``, the pose world-to-camera, metres, and the focal length in pixels of a 640x480 image.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from localization_common.errors import DatasetError
from localization_common.files.text_files import read_lines
from localization_common.geometry import se3

FOLDER = Path("pgt/sfm/7scenes")

_FRAME = re.compile(r"frame-([0-9]{1,9})\.color\.\w+$")


@dataclass(frozen=True)
class SfmPoses:
    """Pseudo ground truth of one sequence.

    Attributes:
        map_T_camera: frame number -> pose (4, 4) of the colour camera's optical frame, for reconstructed frames only.
        focal_length: focal length in pixels, at the original 640x480.
    """

    map_T_camera: dict[int, npt.NDArray[np.float64]]
    focal_length: float


def read_sfm_poses(directory: Path) -> SfmPoses:
    """Pseudo ground truth of a sequence directory, such as ``7scenes/chess/seq-03``, from the file of either split.

    Raises:
        DatasetError: the files are missing or have no line of the sequence, a line is malformed, or the sequence has
            two focal lengths.
    """
    sequence = Path(os.path.abspath(directory))  # links are not followed: the folder pgt is beside the link
    scene = sequence.parent
    candidates = [scene.parent / FOLDER / f"{scene.name}_{split}.txt" for split in ("train", "test")]
    found = [file for file in candidates if file.is_file()]
    if not found:
        raise DatasetError(
            f"{candidates[0]}: no such file; copy the folder pgt of github.com/tsattler/visloc_pseudo_gt_limitations "
            f"to {scene.parent}"
        )
    poses: dict[int, npt.NDArray[np.float64]] = {}
    focal_lengths = set()
    for file in found:
        for number, line in read_lines(file):
            if line.startswith(f"{sequence.name}/"):
                frame, map_T_camera, focal_length = _parse(line, f"{file}:{number}")
                poses[frame] = map_T_camera
                focal_lengths.add(focal_length)
    if len(focal_lengths) != 1:
        what = f"{len(focal_lengths)} focal lengths" if focal_lengths else "no line"
        raise DatasetError(f"{' and '.join(map(str, found))}: {what} for {sequence.name}; a sequence has one camera")
    return SfmPoses(poses, focal_lengths.pop())


def _parse(line: str, where: str) -> tuple[int, npt.NDArray[np.float64], float]:
    """Frame number, map_T_camera and focal length."""
    name, *words = line.split()
    match = _FRAME.search(name)
    try:
        if match is None:
            raise ValueError(f"{name} is no colour image")
        qw, qx, qy, qz, x, y, z, focal_length = (float(word) for word in words)
        camera_T_map = se3.from_parts((x, y, z), (qw, qx, qy, qz))
    except ValueError as error:
        raise DatasetError(f"{where}: not 'rgb_file qw qx qy qz tx ty tz f' ({error})") from error
    if not (np.isfinite(camera_T_map).all() and 0.0 < focal_length < float("inf")):
        raise DatasetError(f"{where}: NaN, infinity or a focal length that is not positive: {line[:80]!r}")
    return int(match[1]), se3.inverse(camera_T_map), focal_length
