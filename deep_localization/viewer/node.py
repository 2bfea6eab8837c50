"""ROS node ``rerun_viewer``: draws what the localizer nodes receive and publish in Rerun."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import rerun as rr
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray, PoseStamped, PoseWithCovarianceStamped
from nav_msgs.msg import OccupancyGrid, Odometry
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Float32, Header
from visualization_msgs.msg import Marker, MarkerArray

from deep_localization.viewer.entities import DMN, ODOMETRY, TRUTH, VLOCNET
from deep_localization.viewer.place_drawing import bounds_of, draw_place
from deep_localization.viewer.scene import Scene
from deep_localization.viewer.settings import ViewerSettings
from deep_localization.viewer.sink import open_sink
from localization_common.camera import Camera
from localization_common.errors import InputError, LocalizationError
from localization_common.files.paths import user_path
from localization_common.geometry import planar
from localization_common.messages import (
    camera_from,
    covariance_from,
    is_rectified_topic,
    labels_from,
    matrix_from_pose,
    rgb_from,
    rgb_from_compressed,
    stamp_of,
)
from localization_common.messages.base_frame import BASE_FRAMES, choose_base_frame
from localization_common.place import Place
from localization_common.ros.main import run
from localization_common.ros.outputs import LATCHED
from localization_common.ros.parameter_setting import AcceptsUnchangedParameters
from localization_common.ros.parameters import Parameters
from localization_common.ros.tf_buffer import TransformError
from localization_common.ros.transforms import Transforms

Array = npt.NDArray[np.float64]

#: Reliability of the images: every publisher matches it.
_BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
#: Bytes of /diagnostics' levels -> level of a line in the viewer.
_LEVELS = {b"\x00": "INFO", b"\x01": "WARN", b"\x02": "ERROR", b"\x03": "ERROR"}
#: Number of true poses that wait for an estimate with their stamp.
_MOST_TRUE_POSES = 500


class RerunViewer(AcceptsUnchangedParameters, Node):
    """Subscribes to the topics of both nodes, relative to its namespace, and draws them.

    Nodes make pictures, labels and particles only for subscribers: this viewer is one.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("rerun_viewer", **options)
        self.settings = settings = Parameters(self, ViewerSettings).value
        stream = rr.RecordingStream("deep_localization")
        sentence = open_sink(stream, settings)
        self._stream, self._scene = stream, Scene(stream)
        self._transforms = Transforms(self)
        self._camera: Camera | None = None
        self._camera_frame, self._shown = "", 0
        self._true: dict[int, Array] = {}
        self._quality: dict[str, float] = {}
        self._warned: set[str] = set()
        self._scene.arrange(self._draw_maps(), live=True)
        self._subscribe()
        self.get_logger().info(sentence)

    def _draw_maps(self) -> Array | None:
        settings = self.settings
        place = Place.open(user_path(settings.place, "place")) if settings.place else None
        keyframes = user_path(settings.keyframe_map, "keyframe_map") if settings.keyframe_map else None
        if place is not None and keyframes is None and place.has("keyframes"):
            keyframes = place.file("keyframes")
        return draw_place(self._scene, None if place is None else place.path, keyframes)

    def _subscribe(self) -> None:
        if self.settings.image_transport == "raw":
            self._listen(Image, "image", self._on_image, _BEST_EFFORT)
        else:
            self._listen(CompressedImage, "image/compressed", self._on_image, _BEST_EFFORT)
        self._listen(CameraInfo, "camera_info", self._on_camera_info, _BEST_EFFORT)
        self._listen(Image, "segmentation/mask", self._on_labels, 1)
        self._listen(Image, "vlocnet/matched_points", self._on_matched_points, 1)
        self._listen(Odometry, "vlocnet/odometry", self._on_odometry, 50)
        self._listen(PoseArray, "dmn/particles", self._on_particles, 1)
        self._listen(MarkerArray, "dmn/context_views", self._on_views, LATCHED)
        self._listen(OccupancyGrid, "map", self._on_map, LATCHED)
        self._listen(PoseStamped, "ground_truth/pose", self._on_true_pose, _BEST_EFFORT)
        self._listen(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        for source in (VLOCNET, DMN):
            self._listen(PoseWithCovarianceStamped, f"{source}/pose", partial(self._on_pose, source), LATCHED)
            self._listen(Float32, f"{source}/quality", partial(self._on_quality, source), 10)
            self._listen(Header, f"{source}/processed", partial(self._on_processed, source), 100)

    def _listen(self, kind: type[Any], topic: str, draw: Callable[[Any], None], qos: QoSProfile | int) -> None:
        """Subscribe; a message that cannot be drawn is a warning, once for each topic and reason."""

        def on_message(message: Any) -> None:
            try:
                draw(message)
            except LocalizationError as error:
                warning = f"{topic}: {error}"
                if warning not in self._warned and len(self._warned) < 100:
                    self._warned.add(warning)
                    self.get_logger().warning(warning)

        self.create_subscription(kind, topic, on_message, qos)

    # The camera.

    def _on_camera_info(self, message: CameraInfo) -> None:
        camera = camera_from(message, rectified=is_rectified_topic(self.resolve_topic_name("image")))
        if camera != self._camera:
            self._camera = camera
            self._scene.camera(camera)

    def _on_image(self, message: Image | CompressedImage) -> None:
        self._camera_frame = message.header.frame_id
        if not self._due(message):
            return
        self._scene.at(stamp_of(message.header))
        raw = self.settings.image_transport == "raw"
        self._scene.image(rgb_from(message) if raw else rgb_from_compressed(message))

    def _due(self, message: Image | CompressedImage) -> bool:
        """Return True if an image is shown: `image_rate` has passed since the one before, or the clock went back."""
        stamp = stamp_of(message.header)
        if 0 <= stamp - self._shown < 0.95e9 / self.settings.image_rate:
            return False
        self._shown = stamp
        return True

    def _on_labels(self, message: Image) -> None:
        self._scene.at(stamp_of(message.header))
        self._scene.labels(labels_from(message))

    def _on_matched_points(self, message: Image) -> None:
        self._scene.at(stamp_of(message.header))
        self._scene.matched_points_picture(rgb_from(message))

    # Poses.

    def _on_pose(self, source: str, message: PoseWithCovarianceStamped) -> None:
        stamp, map_T_base = stamp_of(message.header), matrix_from_pose(message.pose.pose)
        self._scene.at(stamp)
        self._scene.pose(source, map_T_base, covariance_from(message.pose.covariance))
        if stamp in self._true:
            self._scene.errors(source, map_T_base, self._true[stamp])
        if source == VLOCNET or self.count_publishers("vlocnet/pose") == 0:
            self._move_camera(map_T_base, stamp)

    def _move_camera(self, map_T_base: Array, stamp: int) -> None:
        wanted, camera = self.settings.base_frame_id, self._camera_frame
        joined = [name for name in (wanted, *BASE_FRAMES) if name and self._transforms.connected(name, camera)]
        base = choose_base_frame(joined, wanted)
        if not base:
            return
        try:
            self._scene.camera_pose(map_T_base @ self._transforms.lookup(base, camera, stamp))
        except TransformError:
            self._scene.camera_pose(map_T_base @ self._transforms.lookup(base, camera, None))

    def _on_odometry(self, message: Odometry) -> None:
        """Draw the odometry in the map, where TF joins both; without, it is not drawn."""
        frame = message.header.frame_id
        if self._transforms.connected("map", frame):
            self._scene.at(stamp_of(message.header))
            map_T_odom = self._transforms.lookup("map", frame, None)
            self._scene.pose(ODOMETRY, map_T_odom @ matrix_from_pose(message.pose.pose))

    def _on_true_pose(self, message: PoseStamped) -> None:
        stamp, pose = stamp_of(message.header), matrix_from_pose(message.pose)
        self._true[stamp] = pose
        while len(self._true) > _MOST_TRUE_POSES:
            del self._true[next(iter(self._true))]
        self._scene.at(stamp)
        self._scene.pose(TRUTH, pose)

    def _on_particles(self, message: PoseArray) -> None:
        poses = np.array([matrix_from_pose(pose) for pose in message.poses]).reshape(-1, 4, 4)
        self._scene.at(stamp_of(message.header))
        self._scene.particles(planar.from_se3(poses))

    # Maps.

    def _on_views(self, message: MarkerArray) -> None:
        shown = [marker.pose for marker in message.markers if marker.action == Marker.ADD]
        poses = planar.from_se3(np.array([matrix_from_pose(pose) for pose in shown]).reshape(-1, 4, 4))
        self._scene.context_views(poses)
        if not self.settings.place and not self.settings.keyframe_map:
            self._scene.arrange(bounds_of(poses), live=True)

    def _on_map(self, message: OccupancyGrid) -> None:
        info = message.info
        cells = np.asarray(message.data, dtype=np.int8)
        if cells.size == 0 or cells.size != info.height * info.width:
            raise InputError(f"{info.height}x{info.width} cells, but {cells.size} numbers")
        cells = cells.reshape(info.height, info.width)
        corner = matrix_from_pose(info.origin)
        if abs(planar.from_se3(corner)[2]) > 1e-3:
            raise InputError("the occupancy grid is rotated: it is not drawn")
        self._scene.occupancy(cells, (float(corner[0, 3]), float(corner[1, 3])), float(info.resolution))

    # Plots.

    def _on_quality(self, source: str, message: Float32) -> None:
        """Keep the quality, which has no stamp, until the frame that it belongs to is processed."""
        self._quality[source] = float(message.data)

    def _on_processed(self, source: str, message: Header) -> None:
        if source in self._quality:
            self._scene.at(stamp_of(message))
            self._scene.quality(source, self._quality.pop(source))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        """Write changes of the nodes' states at the time of the message."""
        namespace = self.get_namespace().rstrip("/")
        for status in message.status:
            source = status.name.removeprefix(f"{namespace}/")
            if source in (VLOCNET, DMN):
                self._scene.at(stamp_of(message.header))
                level = _LEVELS.get(bytes(status.level), "WARN")
                self._scene.state(source, status.message, level=level)
                if level == "ERROR":
                    self._scene.no_pose(source)

    def flush(self) -> None:
        """Write what is not yet written."""
        self._stream.flush()

    def destroy_node(self) -> None:
        """Write the rest, then end."""
        self.flush()
        super().destroy_node()


def main(arguments: list[str] | None = None) -> int:
    """Console script."""
    return run(lambda: [RerunViewer()], arguments)


if __name__ == "__main__":
    sys.exit(main())
