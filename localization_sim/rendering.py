"""Rendering of an apartment from a camera: colour, depth and labels."""

from __future__ import annotations

from types import TracebackType

import mujoco
import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.errors import CameraError, ConfigError
from localization_common.geometry import se3
from localization_sim.apartments.apartment import Apartment
from localization_sim.lights.lighting import STANDARD, Lighting, lighting_of
from localization_sim.lights.room_light import set_light
from localization_sim.offices.office import Office

#: Rotation between MuJoCo's camera frame (x right, y up, z backward) and the optical frame, in both directions.
_GL_FLIP = np.diag([1.0, -1.0, -1.0])


class Renderer:
    """Renders one apartment. Keep it: its creation takes longer than its pictures.

    Args:
        apartment: apartment to render.
        camera: intrinsics; square pixels, centred, without distortion.
        lighting: light in the apartment; by default the standard light.

    Raises:
        CameraError: OpenGL cannot render this camera, or does not start.
    """

    def __init__(self, apartment: Apartment, camera: Camera, lighting: Lighting | None = None) -> None:
        centred = np.allclose([camera.cx, camera.cy], [(camera.width - 1) / 2, (camera.height - 1) / 2])
        if camera.distorted or not centred or not np.isclose(camera.fx, camera.fy):
            raise CameraError("the simulator renders centred cameras with square pixels and without distortion only")
        self.apartment, self.camera, self.lighting = apartment, camera, lighting or Lighting()
        if self.lighting != Lighting():
            set_light(apartment.model, self.lighting)
        self._data = mujoco.MjData(apartment.model)
        apartment.model.cam_fovy[0] = np.degrees(2 * np.arctan(camera.height / 2 / camera.fy))
        mujoco.mj_forward(apartment.model, self._data)
        try:
            self._renderer = mujoco.Renderer(apartment.model, camera.height, camera.width)
        except (RuntimeError, ImportError, AttributeError, mujoco.FatalError) as error:
            raise CameraError(
                f"OpenGL does not start ({error}): install libegl1 and libgl1-mesa-dri, or install libosmesa6 and set "
                "MUJOCO_GL=osmesa"
            ) from error
        # Half of the angle between opposite corners, so that it is enough for tilted cameras, too.
        self._half_angle = float(np.arctan(np.hypot(camera.width, camera.height) / 2 / camera.fx)) + 0.1
        # The background has id -1, which is the last entry.
        self._labels = np.append(apartment.geom_labels, np.uint8(255))

    def look_from(self, map_T_camera: npt.NDArray[np.float64]) -> None:
        """Set the pose (4, 4) of the camera (optical frame)."""
        self._data.cam_xpos[0] = map_T_camera[:3, 3]
        self._data.cam_xmat[0] = (map_T_camera[:3, :3] @ _GL_FLIP).reshape(-1)
        if isinstance(self.apartment, Office) and self.apartment.sight is not None:
            x, y = (float(c) for c in map_T_camera[:2, 3])
            heading = float(np.arctan2(map_T_camera[1, 2], map_T_camera[0, 2]))
            self.apartment.model.geom_group[:] = self.apartment.sight.groups(x, y, heading, self._half_angle)
        self._renderer.update_scene(self._data, camera=0)

    def colour(self) -> npt.NDArray[np.uint8]:
        """Render the image (H, W, 3) uint8 RGB."""
        return np.asarray(self._renderer.render(), dtype=np.uint8)

    def depth(self) -> npt.NDArray[np.float32]:
        """Render depth (H, W) float32, metres along the optical axis."""
        self._renderer.enable_depth_rendering()
        try:
            return np.asarray(self._renderer.render(), dtype=np.float32)
        finally:
            self._renderer.disable_depth_rendering()

    def labels(self) -> npt.NDArray[np.uint8]:
        """Render label ids (H, W) uint8."""
        self._renderer.enable_segmentation_rendering()
        try:
            ids = self._renderer.render()[..., 0]
        finally:
            self._renderer.disable_segmentation_rendering()
        return np.asarray(self._labels[ids])

    def close(self) -> None:
        """Free the OpenGL context."""
        self._renderer.close()

    def __enter__(self) -> Renderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def mounted_camera(
    height: float = 0.6, forward: float = 0.1, *, tilt: float = 0.0, roll: float = 0.0
) -> npt.NDArray[np.float64]:
    """Mount base_T_camera (4, 4) of a camera that looks forward.

    Args:
        height, forward: metres above the floor and ahead of the axle.
        tilt: radians that it looks down; up if negative.
        roll: radians about its axis, the right side down.
    """
    cos_tilt, sin_tilt, cos_roll, sin_roll = np.cos(tilt), np.sin(tilt), np.cos(roll), np.sin(roll)
    about_left = np.array([[cos_tilt, 0.0, sin_tilt], [0.0, 1.0, 0.0], [-sin_tilt, 0.0, cos_tilt]])
    about_ahead = np.array([[1.0, 0.0, 0.0], [0.0, cos_roll, -sin_roll], [0.0, sin_roll, cos_roll]])
    base_T_camera = np.eye(4)
    base_T_camera[:3, :3] = about_left @ about_ahead @ se3.BODY_R_OPTICAL
    base_T_camera[:3, 3] = (forward, 0.0, height)
    return base_T_camera


def open_apartment(
    seed: int,
    camera: Camera,
    *,
    rearranged: float = 0.0,
    twin_room: bool = False,
    calm: float = 0.0,
    light: str = STANDARD,
    office: float = 0.0,
) -> Renderer:
    """Make the renderer of an apartment for a camera.

    Args:
        seed: seed of the apartment.
        camera: intrinsics.
        rearranged, twin_room, calm: see `Apartment.from_seed`.
        light: light; see `lighting_of`.
        office: area in square metres of an office floor (`Office.of_area`), in place of an apartment; 0: an apartment.

    Raises:
        ConfigError: an office is rearranged, calm or has a twin room, or is too small.
        CameraError: see `Renderer`.
    """
    lighting, size = lighting_of(light), {"width": camera.width, "height": camera.height}
    if office == 0.0:
        apartment = Apartment.from_seed(seed, rearranged=rearranged, twin_room=twin_room, calm=calm, **size)
        return Renderer(apartment, camera, lighting)
    if rearranged or twin_room or calm:
        raise ConfigError(
            f"an office floor of {office} m2 has no twin room and is neither rearranged nor calm: leave these out"
        )
    return Renderer(Office.of_area(office, seed, **size), camera, lighting)
