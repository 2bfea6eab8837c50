"""Stage for small views of many worlds: surfaces and shapes change from world to world, the OpenGL context stays.

A MuJoCo model compiles in about 10 ms and an OpenGL context starts in 0.25 s or more, but a view of 32x32 takes a few
tenths of a millisecond. So one model is compiled that has textures only. Worlds are written into the abstract scene
that MuJoCo draws (``mjvScene``), and their textures replace those of the previous world. All views of a world are drawn
into one off-screen picture, which is read once.
"""

from __future__ import annotations

from types import TracebackType
from typing import Literal

import cv2
import mujoco
import numpy as np
import numpy.typing as npt

from localization_common.errors import CameraError
from localization_sim.worlds.view import Fog, StageView

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
Colour = tuple[float, float, float]
Shape = Literal["box", "sphere", "cylinder", "capsule", "ellipsoid"]

_SHAPES = {
    "box": mujoco.mjtGeom.mjGEOM_BOX,
    "sphere": mujoco.mjtGeom.mjGEOM_SPHERE,
    "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
    "capsule": mujoco.mjtGeom.mjGEOM_CAPSULE,
    "ellipsoid": mujoco.mjtGeom.mjGEOM_ELLIPSOID,
}
_WHITE = (1.0, 1.0, 1.0)


class WorldStage:
    """Draws views of a world that is built piece by piece. Make one for each process and keep it.

    Args:
        view: size and number of the pictures.
        textures: largest number of textures of a world.
        texture_size: side of a texture, pixels; all are square.
        max_pieces: largest number of panels and solids of a world.

    Raises:
        CameraError: OpenGL does not start.

    Example:
        >>> with WorldStage(StageView(count=1), textures=1) as stage:  # doctest: +SKIP
        ...     stage.begin()
        ...     stage.solid("box", (1.0, 0.0, 0.5), (0.2, 0.2, 0.2), 0.0, (1.0, 0.0, 0.0))
        ...     images = stage.draw(np.array([[0.0, 0.0, 0.5]]), np.array([0.0]))
    """

    def __init__(self, view: StageView, *, textures: int, texture_size: int = 64, max_pieces: int = 1000) -> None:
        self.view, self.texture_size = view, texture_size
        self._columns = max(1, min(view.count, 2048 // (view.width * view.oversampling)))
        self._rows = -(-view.count // self._columns)
        tile = view.drawn_size
        size = (self._columns * tile[0], self._rows * tile[1])
        self._tile, self._buffer = tile, np.zeros((size[1], size[0], 3), np.uint8)
        self._model = mujoco.MjModel.from_xml_string(_model_of_textures(textures, texture_size, size))
        self._scene = mujoco.MjvScene(self._model, max_pieces)
        try:
            self._gl = mujoco.GLContext(*size)
            self._gl.make_current()
            self._context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_50)
        except (RuntimeError, ImportError, AttributeError, mujoco.FatalError) as error:
            raise CameraError(
                f"OpenGL does not start ({error}): install libegl1 and libgl1-mesa-dri, or install libosmesa6 and set "
                "MUJOCO_GL=osmesa"
            ) from error
        self._prepare_scene()
        self.begin()

    def begin(self) -> None:
        """Begin a new world without pieces, textures and fog, with vertical light."""
        self._used_textures = 0
        self._scene.ngeom = 0
        self.light((0.0, 0.0, -1.0), ambient=0.6, diffuse=0.4)
        self.fog(None)

    def texture(self, image: Image) -> int:
        """Add a texture for panels of the present world and return its id.

        Args:
            image: texture (texture_size, texture_size, 3); on the front of a panel, its first row is on top.

        Raises:
            CameraError: there are no more textures, or the image has another size.
        """
        number, side = self._used_textures, self.texture_size
        if number == self._model.ntex or image.shape != (side, side, 3):
            raise CameraError(f"texture {number} of {self._model.ntex} with shape {image.shape}; {side} pixels wanted")
        start = int(self._model.tex_adr[number])
        self._model.tex_data[start : start + side * side * 3] = image.reshape(-1)
        self._gl.make_current()
        mujoco.mjr_uploadTexture(self._model, self._context, number)
        self._used_textures += 1
        return number

    def panel(
        self,
        centre: tuple[float, float, float],
        normal: tuple[float, float, float],
        size: tuple[float, float],
        texture: int | None,
        rgb: Colour = _WHITE,
        *,
        glow: float = 0.0,
        turn: float = 0.0,
    ) -> None:
        """Add a rectangle (width, height), visible from the side of its normal.

        Args:
            centre: middle of the rectangle.
            normal: horizontal or vertical direction; the width of a floor is along x.
            size: full width and height.
            texture: texture stretched once over it, tinted by ``rgb``.
            glow: share of its colour without light, 0..1.
            turn: turn of a floor about the vertical, radians.
        """
        z = np.array(normal, dtype=np.float64)
        y = np.array([0.0, 0.0, 1.0]) if abs(z[2]) < 0.5 else np.array([-np.sin(turn), np.cos(turn), 0.0])
        frame = np.stack([np.cross(y, z), y, z], axis=1)
        half = np.array([size[0] / 2, size[1] / 2, 0.0])
        self._add(mujoco.mjtGeom.mjGEOM_PLANE, half, centre, frame, rgb, glow, texture)

    def solid(
        self,
        shape: Shape,
        centre: tuple[float, float, float],
        half_size: tuple[float, float, float],
        yaw: float,
        rgb: Colour,
        *,
        tilt: float = 0.0,
    ) -> None:
        """Add a solid of one colour: half lengths along its axes (cylinder and capsule: radius, unused, half height).

        Args:
            yaw: turn about the vertical, radians.
            tilt: turn about its own x axis before the yaw, radians.
        """
        (c, s), (ct, st) = (np.cos([yaw, np.pi / 2 - yaw])), (np.cos(tilt), np.sin(tilt))
        frame = np.array([[c, -s * ct, s * st], [s, c * ct, -c * st], [0.0, st, ct]])
        size = np.array(half_size, dtype=np.float64)
        if shape in ("cylinder", "capsule"):
            size = np.array([size[0], size[0], size[2]])
        self._add(_SHAPES[shape], size, centre, frame, rgb, 0.0, None)

    def light(
        self, direction: tuple[float, float, float], *, ambient: float, diffuse: float, tint: Colour = _WHITE
    ) -> None:
        """Set direction and brightness (0..1) of the sun, and the brightness of the ambient light (0..1)."""
        sun = self._scene.lights[0]
        sun.dir = np.array(direction) / np.linalg.norm(direction)
        sun.ambient, sun.diffuse = ambient * np.array(tint), diffuse * np.array(tint)

    def fog(self, reach: tuple[float, float] | None, rgb: Colour = _WHITE) -> None:
        """Set the distances at which fog begins and hides everything; None for clear air."""
        self._fog = None if reach is None else Fog(self.view, reach, rgb)

    def draw(self, positions: Array, yaws: Array, pitch: float | Array = 0.0) -> Image:
        """Draw pictures (N, height, width, 3) uint8.

        Args:
            positions: positions (N, 3) of the camera; ``view.count`` are drawn at a time.
            yaws: directions (N,), radians; 0 is along x, counter-clockwise seen from above.
            pitch: upward angle, radians; one for all or (N,).
        """
        yaws, pitches = np.broadcast_arrays(yaws, np.broadcast_to(pitch, np.shape(yaws)))
        count = self.view.count
        return np.concatenate(
            [
                self._draw_some(positions[i : i + count], yaws[i : i + count], pitches[i : i + count])
                for i in range(0, len(positions), count)
            ]
        )

    def close(self) -> None:
        """Free the OpenGL context."""
        self._gl.make_current()
        self._context.free()  # before its OpenGL context is freed; later it would free objects of another context
        self._gl.free()

    def __enter__(self) -> WorldStage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _draw_some(self, positions: Array, yaws: Array, pitches: Array) -> Image:
        (width, height), columns = self._tile, self._columns
        self._gl.make_current()
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        for i, (position, yaw, pitch) in enumerate(zip(positions, yaws, pitches, strict=True)):
            self._look(position, float(yaw), float(pitch))
            place = mujoco.MjrRect((i % columns) * width, (i // columns) * height, width, height)
            mujoco.mjr_render(place, self._scene, self._context)
        used = self._buffer[: -(-len(positions) // columns) * height]
        depth = None if self._fog is None else np.empty(used.shape[:2], np.float32)
        mujoco.mjr_readPixels(used, depth, mujoco.MjrRect(0, 0, used.shape[1], used.shape[0]), self._context)
        if self._fog is not None and depth is not None:
            used = self._fog.over(used, depth)
        return self._tiles(used)[: len(positions)]

    def _tiles(self, picture: Image) -> Image:
        """Cut and average the pictures (N, height, width, 3) of a buffer whose first row is at the bottom."""
        view = self.view
        rows = picture.shape[0] // self._tile[1]
        size = (self._columns * view.width, rows * view.height)
        mean = picture if view.oversampling == 1 else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        parts = mean.reshape(rows, view.height, self._columns, view.width, 3)
        return np.asarray(parts[:, ::-1].transpose(0, 2, 1, 3, 4).reshape(-1, view.height, view.width, 3))

    def _look(self, position: Array, yaw: float, pitch: float) -> None:
        cos, sin = np.cos(pitch), np.sin(pitch)
        across = np.array([np.cos(yaw), np.sin(yaw), 0.0])
        forward, up = across * cos, across * -sin
        forward[2], up[2] = sin, cos
        for eye in self._eyes:
            eye.pos, eye.forward, eye.up = position, forward, up

    def _prepare_scene(self) -> None:
        view, scene = self.view, self._scene
        self._pieces, self._eyes = list(scene.geoms), list(scene.camera)
        scene.flags[:] = 0
        scene.flags[int(mujoco.mjtRndFlag.mjRND_CULL_FACE)] = 1
        top = view.near * view.half_height
        for eye in self._eyes:
            eye.orthographic, eye.frustum_center = 0, 0.0
            eye.frustum_near, eye.frustum_far = view.near, view.far
            eye.frustum_top, eye.frustum_bottom = top, -top
            eye.frustum_width = top * view.width / view.height
        scene.nlight = 1
        sun = scene.lights[0]
        sun.type, sun.headlight, sun.castshadow = mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, 0, 0
        sun.specular = np.zeros(3)

    def _add(
        self,
        kind: mujoco.mjtGeom,
        half: Array,
        centre: tuple[float, float, float],
        frame: Array,
        rgb: Colour,
        glow: float,
        texture: int | None,
    ) -> None:
        if self._scene.ngeom == len(self._pieces):
            raise CameraError(f"the world has more than {len(self._pieces)} pieces: raise max_pieces of the stage")
        piece = self._pieces[self._scene.ngeom]
        colour = np.array([*rgb, 1.0], np.float32)
        mujoco.mjv_initGeom(piece, kind, half, np.array(centre, np.float64), frame.reshape(9), colour)
        piece.specular, piece.emission = 0.0, glow
        piece.matid = -1 if texture is None else texture
        self._scene.ngeom += 1


def _model_of_textures(textures: int, side: int, buffer: tuple[int, int]) -> str:
    """MuJoCo XML of a model without bodies; material i has texture i."""
    assets = "".join(
        f'<texture name="t{i}" type="2d" builtin="flat" width="{side}" height="{side}"/><material texture="t{i}" '
        f'name="m{i}"/>'
        for i in range(textures)
    )
    return (
        f'<mujoco><visual><global offwidth="{buffer[0]}" offheight="{buffer[1]}"/>'
        f'<quality offsamples="0" shadowsize="1" numquads="1" numslices="20" numstacks="10"/>'
        f"</visual><asset>{assets}</asset><worldbody/></mujoco>"
    )
