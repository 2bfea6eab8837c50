"""Poses of keyframes without odometry, from matches alone: global structure from motion (GLOMAP: Pan 2024; COLMAP)."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from localization_common.errors import DatasetError
from localization_common.geometry import se3
from localization_common.keyframes.feature_tracks import PairMatches
from localization_common.keyframes.lens_correction import LensCorrection
from localization_mapping.colmap_database import FOCAL, import_colmap, quiet, verify_matches, write_database
from localization_mapping.keyframe_set import KeyframeSet

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Median distance of the points from the keyframes that see them, after structure from motion: limits of distances of
#: points (`triangulation`) suit a room in metres.
_DISTANCE = 2.5
#: Smallest number of keyframes of a model.
_SMALLEST = 3


@dataclass(frozen=True)
class MotionStructure:
    """Poses of keyframes up to scale.

    Attributes:
        map_T_camera: (K, 4, 4) poses in one frame; a row is NaN where the keyframe is not in the largest model.
        lens: difference between the camera's calibration and the images.
        models: numbers of keyframes of all models, largest first; each has a frame of its own.
    """

    map_T_camera: Array
    lens: LensCorrection
    models: tuple[int, ...]

    @property
    def registered(self) -> npt.NDArray[np.bool_]:
        """(K,) True where a keyframe has a pose."""
        return np.asarray(np.isfinite(self.map_T_camera[:, 0, 0]))

    @property
    def notes(self) -> tuple[str, ...]:
        """Findings for the report: the keyframes that are left out, and the lens."""
        count, left_out = len(self.map_T_camera), np.flatnonzero(~self.registered)
        found = [f"structure from motion gives poses to {count - len(left_out)} of {count} keyframes"]
        if len(left_out):
            others = f"; they form {len(self.models) - 1} other models" if len(self.models) > 1 else ""
            shown = ", ".join(map(str, left_out[:10].tolist())) + (", ..." if len(left_out) > 10 else "")
            found.append(f"{len(left_out)} keyframes are left out (numbers {shown}): nothing joins them{others}")
        found.append(
            f"the images' focal length is {self.lens.focal:.4f} of the calibration's, their radial distortion differs "
            f"by {self.lens.radial:.4f}"
        )
        return tuple(found)


def structure_from_motion(
    keyframes: KeyframeSet, matches: Sequence[PairMatches], *, calibrate: bool = True
) -> MotionStructure:
    """Compute the poses of the keyframes up to scale.

    Args:
        keyframes: keyframes; their odometry is not used.
        matches: matches of pairs of keyframes (`visual_pairs`), with wrong ones among them.
        calibrate: whether focal length and radial distortion are estimated, too; a nominal calibration bends the map.

    Raises:
        ConfigError: pycolmap is not installed.
        DatasetError: no keyframes fit together.
    """
    pycolmap = import_colmap()
    with tempfile.TemporaryDirectory(prefix="structure_from_motion_") as folder, quiet(pycolmap):
        database = Path(folder) / "database.db"
        write_database(pycolmap, database, keyframes, matches, calibrate)
        verify_matches(pycolmap, database, matches)
        options = pycolmap.GlobalPipelineOptions()
        options.random_seed, options.min_model_size = 0, _SMALLEST
        adjustment = options.mapper.bundle_adjustment
        # One thread: sums in another order give another map.
        options.num_threads = options.mapper.num_threads = adjustment.ceres.solver_options.num_threads = 1
        adjustment.refine_focal_length = adjustment.refine_extra_params = calibrate
        output = Path(folder) / "models"
        output.mkdir()
        found = pycolmap.global_mapping(database, folder, output, options)
    models = sorted(found.values(), key=lambda model: -int(model.num_reg_images()))
    if not models or models[0].num_reg_images() < _SMALLEST or models[0].num_points3D() == 0:
        raise DatasetError(
            f"structure from motion finds no motion that fits {len(keyframes)} keyframes; the camera must move (not "
            "only turn) before things with texture, its calibration must be right, and images must overlap: drive "
            "slower"
        )
    return _result(models, len(keyframes))


def _result(models: Sequence[Any], count: int) -> MotionStructure:
    """Read the largest of COLMAP's models, and scale it to the size of a room."""
    model = models[0]
    camera_T_map = np.full((count, 4, 4), np.nan)
    camera_T_map[:, 3] = [0.0, 0.0, 0.0, 1.0]
    for image in model.reg_image_ids():
        camera_T_map[image - 1, :3] = model.image(image).cam_from_world().matrix()
    map_T_camera = np.full((count, 4, 4), np.nan)
    registered = np.isfinite(camera_T_map[:, 0, 0])
    map_T_camera[registered] = se3.inverse(camera_T_map[registered])
    points = list(model.points3D.values())
    seen = np.array([(p.track.elements[0].image_id - 1, *p.xyz) for p in points])
    sights = seen[:, 1:] - map_T_camera[seen[:, 0].astype(np.int64), :3, 3]
    map_T_camera[:, :3, 3] *= _DISTANCE / float(np.median(np.linalg.norm(sights, axis=1)))
    focal, _, _, *radial = model.cameras[1].params
    lens = LensCorrection(float(focal) / FOCAL, float(radial[0]) if radial else 0.0)
    return MotionStructure(map_T_camera, lens, tuple(int(m.num_reg_images()) for m in models))
