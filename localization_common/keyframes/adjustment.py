"""Bundle adjustment of points, poses and lens with COLMAP (Schoenberger 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from localization_common.errors import MapError
from localization_common.geometry import se3
from localization_common.keyframes.feature_tracks import FeatureTracks
from localization_common.keyframes.lens_correction import LensCorrection

Array = npt.NDArray[np.float64]

#: Focal length and centre, in pixels, of the pinhole camera for COLMAP; similar to those of a real camera.
_FOCAL, _CENTRE = 500.0, 1000.0
#: Relative change of the cost at which the solver stops; and number of keyframes up to which it factorises the sparse
#: equations. Each keyframe shares points with few others, so that this is much faster than iterating.
_TOLERANCE, _DIRECT = 1e-6, 100_000


@dataclass(frozen=True)
class AdjustedKeyframes:
    """Adjusted points (P, 3), poses (K, 4, 4) of the cameras in the map, and lens."""

    points: Array
    map_T_camera: Array
    lens: LensCorrection


def adjust(
    points: Array,
    map_T_camera: Array,
    rays: Array,
    tracks: FeatureTracks,
    *,
    position_std: float,
    calibrate: bool,
    loss: float,
) -> AdjustedKeyframes:
    """Solve for all points and poses by least squares, with the positions held near the given ones.

    Args:
        points: (P, 3) initial positions of the points.
        map_T_camera: (K, 4, 4) given poses.
        rays: (O, 2) observed rays of the tracks' rows.
        position_std: standard deviation of the given positions, metres.
        calibrate: whether the lens is estimated, too.
        loss: residual at depth one above which an observation has less weight (soft L1).

    Raises:
        MapError: pycolmap is not installed or finds no solution.
    """
    try:
        import pycolmap
    except ImportError as error:
        raise MapError(f"keyframes are adjusted with pycolmap ({error}); pip install pycolmap") from error
    pycolmap.logging.minloglevel = 2  # errors only: its solver warns of every step that it rejects
    model = _reconstruction(pycolmap, points, map_T_camera, rays, tracks)
    config = pycolmap.BundleAdjustmentConfig()
    priors = []
    for k, pose in enumerate(map_T_camera):
        config.add_image(k + 1)
        prior = pycolmap.PosePrior(position=pose[:3, 3], position_covariance=np.eye(3) * position_std**2)
        prior.coordinate_system = pycolmap.PosePriorCoordinateSystem.CARTESIAN
        prior.corr_data_id = model.image(k + 1).data_id
        priors.append(prior)
    options, near = _options(pycolmap, calibrate, loss), pycolmap.PosePriorBundleAdjustmentOptions()
    summary = pycolmap.create_pose_prior_bundle_adjuster(options, near, config, priors, model).solve()
    if not summary.is_solution_usable():
        raise MapError("bundle adjustment found no solution; are the poses in metres, and of the camera?")
    focal, _, _, radial = model.camera(1).params
    found = [model.image(k + 1).cam_from_world().matrix() for k in range(len(map_T_camera))]
    inverse = np.tile(np.eye(4), (len(found), 1, 1))
    inverse[:, :3] = np.stack(found)
    adjusted = np.stack([model.point3D(p + 1).xyz for p in range(len(points))])
    return AdjustedKeyframes(adjusted, se3.inverse(inverse), LensCorrection(float(focal) / _FOCAL, float(radial)))


def _options(pycolmap: ModuleType, calibrate: bool, loss: float) -> Any:
    """Return COLMAP's options for the arguments of `adjust`."""
    options = pycolmap.BundleAdjustmentOptions()
    options.refine_focal_length = options.refine_extra_params = calibrate
    options.print_summary = False
    options.ceres.loss_function_type = pycolmap.LossFunctionType.SOFT_L1
    options.ceres.loss_function_scale = loss * _FOCAL
    options.ceres.solver_options.max_num_iterations = 50
    options.ceres.solver_options.function_tolerance = _TOLERANCE
    options.ceres.max_num_images_direct_sparse_cpu_solver = _DIRECT
    return options


def _reconstruction(
    pycolmap: ModuleType, points: Array, map_T_camera: Array, rays: Array, tracks: FeatureTracks
) -> Any:
    """Return COLMAP's model of the arguments of `adjust`; cameras, images and points are numbered from 1."""
    model = pycolmap.Reconstruction()
    size = int(2 * _CENTRE)
    parameters = [_FOCAL, _CENTRE, _CENTRE, 0.0]
    camera = pycolmap.Camera(model="SIMPLE_RADIAL", width=size, height=size, params=parameters, camera_id=1)
    model.add_camera_with_trivial_rig(camera)
    camera_T_map, place = se3.inverse(map_T_camera), np.zeros(len(rays), dtype=np.int64)
    for k, pose in enumerate(camera_T_map):
        seen = np.nonzero(tracks.keyframe == k)[0]
        place[seen] = np.arange(len(seen))
        pixels = rays[seen] * _FOCAL + _CENTRE
        image = pycolmap.Image(name=f"{k:06d}", keypoints=pixels, camera_id=1, image_id=k + 1)
        rigid = pycolmap.Rigid3d(pycolmap.Rotation3d(pose[:3, :3]), pose[:3, 3])
        model.add_image_with_trivial_frame(image, rigid)
    order = np.argsort(tracks.point, kind="stable")
    for rows in np.split(order, np.searchsorted(tracks.point[order], np.arange(1, len(points)))):
        elements = [pycolmap.TrackElement(int(tracks.keyframe[row]) + 1, int(place[row])) for row in rows]
        model.add_point3D(points[tracks.point[rows[0]]], pycolmap.Track(elements))
    return model
