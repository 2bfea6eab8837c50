"""Database of COLMAP: keyframes, features and matches in, verified matches of pairs out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np

from localization_common.errors import ConfigError
from localization_common.keyframes.feature_tracks import PairMatches
from localization_mapping.keyframe_set import KeyframeSet

#: Focal length in pixels of the camera for COLMAP: its limits in pixels suit images of this size.
FOCAL = 500.0
#: Smallest number of matches of a pair.
_FEWEST = 15
#: Most attempts to find the motion between two keyframes; COLMAP's 10,000 take most of the time, for pairs that share
#: next to nothing.
_TRIALS = 1000


def import_colmap() -> ModuleType:
    """Import pycolmap.

    Raises:
        ConfigError: it is not installed; the message has the remedy.
    """
    try:
        import pycolmap
    except ImportError as error:
        raise ConfigError(
            f"drives without odometry are mapped with pycolmap ({error}); pip install pycolmap (there is none for "
            "aarch64: map on a workstation), or record odometry or a depth camera"
        ) from error
    return pycolmap


@contextmanager
def quiet(pycolmap: ModuleType) -> Iterator[None]:
    """Show COLMAP's errors only."""
    before = pycolmap.logging.minloglevel
    pycolmap.logging.minloglevel = 2
    try:
        yield
    finally:
        pycolmap.logging.minloglevel = before


def write_database(
    pycolmap: ModuleType, path: Path, keyframes: KeyframeSet, matches: Sequence[PairMatches], calibrate: bool
) -> None:
    """Write camera, features and matches into a new database at a path; images and frames are numbered from 1."""
    rays = keyframes.features.image_rays
    centre = np.ceil(FOCAL * max(float(np.abs(r).max(initial=0.0)) for r in rays)) + 1.0
    model, lens = ("SIMPLE_RADIAL", [0.0]) if calibrate else ("SIMPLE_PINHOLE", [])
    size = int(2 * centre)
    camera = pycolmap.Camera(model=model, width=size, height=size, params=[FOCAL, centre, centre, *lens], camera_id=1)
    camera.has_prior_focal_length = True
    rig = pycolmap.Rig(rig_id=1)
    rig.add_ref_sensor(camera.sensor_id)
    database = pycolmap.Database.open(path)
    try:
        database.write_camera(camera, use_camera_id=True)
        database.write_rig(rig, use_rig_id=True)
        for k, seen in enumerate(rays):
            image = pycolmap.Image(name=_name(k), camera_id=1, image_id=k + 1)
            frame = pycolmap.Frame(frame_id=k + 1, rig_id=1)
            frame.add_data_id(image.data_id)
            image.frame_id = frame.frame_id
            database.write_frame(frame, use_frame_id=True)
            database.write_image(image, use_image_id=True)
            database.write_keypoints(k + 1, (seen * FOCAL + centre).astype(np.float32))
        for m in matches:
            if len(m.left) >= _FEWEST:
                database.write_matches(m.a + 1, m.b + 1, np.stack([m.left, m.right], axis=1).astype(np.uint32))
    finally:
        database.close()


def _name(keyframe: int) -> str:
    return f"{keyframe:06d}"


def verify_matches(pycolmap: ModuleType, database: Path, matches: Sequence[PairMatches]) -> None:
    """Keep the matches of each pair that agree with a motion of the camera."""
    pairs = database.with_name("pairs.txt")
    pairs.write_text("".join(f"{_name(m.a)} {_name(m.b)}\n" for m in matches if len(m.left) >= _FEWEST))
    options = pycolmap.TwoViewGeometryOptions()
    options.compute_relative_pose = True
    options.ransac.random_seed, options.ransac.max_num_trials, options.ransac.confidence = 0, _TRIALS, 0.99
    pycolmap.verify_matches(database, pairs, options)
