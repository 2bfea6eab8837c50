"""VLocNet++ with all streams, for sequences of frames.

`encode` computes the features of one frame without any other frame; `decode` combines two neighbours. Therefore a pair
(`forward`) and frame-by-frame operation give the same numbers, and a robot encodes each frame once.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from localization_common.photometry.normalization import PhotometricNormalization
from vlocnet_ros.config import VLocNetConfig
from vlocnet_ros.network.depth import DepthDecoder
from vlocnet_ros.network.named_tensors import flatten, unflatten
from vlocnet_ros.network.odometry import MotionPrior, OdometryStream
from vlocnet_ros.network.pose import PoseEncoder, PoseStream, Trunk
from vlocnet_ros.network.residual import initialize
from vlocnet_ros.network.scene_coordinates import SceneCoordinateStream, cell_features
from vlocnet_ros.network.segmentation import SegmentationFeatures, SegmentationStream
from vlocnet_ros.network.segmentation_baselines import SegmentationBaseline
from vlocnet_ros.network.vgg_baselines import VGG_BASELINES
from vlocnet_ros.network.warping import sampling_grid


class FrameFeatures(NamedTuple):
    """Features of one frame that the next frame needs; None for streams that the configuration leaves out.

    Attributes:
        trunk: Res3, input of the odometry stream's current side; with hard sharing, that of the pose stream.
        pose_5a: Res5a of the pose stream before temporal fusion.
        odometry_previous: Res4 of the odometry stream's previous side; None also if the frame was encoded as current
            only.
        segmentation: unfused outputs of AdapNet's blocks.
        matched: features of that trunk that are correlated with another frame's.
        depth: (B, 1, H, W) predicted depth, metres.
        grey: see `Prediction`.
        baseline: last features of the network in place of AdapNet (FCN, DeepLabV3).
        coordinates: scene coordinates of this frame, see `Prediction`.
    """

    trunk: Tensor | None
    pose_5a: Tensor | None
    odometry_previous: Tensor | None
    segmentation: SegmentationFeatures | None
    matched: Tensor | None = None
    depth: Tensor | None = None
    grey: Tensor | None = None
    baseline: Tensor | None = None
    coordinates: Tensor | None = None

    def select(self, index: Tensor) -> FrameFeatures:
        """Return the features of these members of the batch, in this order."""
        return unflatten(self, {name: tensor[index] for name, tensor in flatten(self).items()})


class Prediction(NamedTuple):
    """Output for a batch of frames; None for streams that the configuration leaves out.

    Attributes:
        translation: (B, 3) position of the camera in the map, metres.
        quaternion: (B, 4) unit, w first, rotation of the optical frame in the map.
        relative_translation: (B, 3) position of the camera in the previous optical frame, metres, as regressed.
        relative_quaternion: (B, 4) unit, w first, rotation of the camera in the previous optical frame, as regressed.
        logits: (B, C, H, W) class scores.
        depth: (B, 1, H, W) metres.
        pose_covariance: (B, 6, 6) covariance of the sampled poses, x y z rX rY rZ about the map's axes, metres and
            radians; None also for a network that does not sample, and in training.
        pose_features: (B, fc) features of fc1 from which the pose was regressed; the predicted error is computed from
            them (`integrity.predicted_error`).
        coordinates: (B, 4, h, w) of the cells of the image: point in the map, metres, and logarithm of its expected
            reprojection error in pixels (`scene_coordinates`).
        grey: (B, 1, H, W) grey values, 0..1, of the front end's output; with the depth, direct alignment refines the
            motion (`runtime.direct_alignment`). None for a network without alignment.
    """

    translation: Tensor | None
    quaternion: Tensor | None
    relative_translation: Tensor | None
    relative_quaternion: Tensor | None
    logits: Tensor | None
    depth: Tensor | None
    pose_covariance: Tensor | None = None
    pose_features: Tensor | None = None
    coordinates: Tensor | None = None
    grey: Tensor | None = None


class VLocNet(nn.Module):
    """Complete network. Images are (B, 3, height, width) float RGB in 0..1; it normalises them.

    First, the front end removes light and contrast of each image, if the configuration selects this. Then ImageNet's
    mean and deviation are removed.
    """

    image_mean: Tensor
    image_std: Tensor
    intrinsics: Tensor

    def __init__(self, config: VLocNetConfig) -> None:
        super().__init__()
        self.config = config
        tasks = config.tasks
        self.front_end = PhotometricNormalization(config.normalization)
        self.trunk = Trunk(config) if tasks.global_pose or (tasks.odometry and config.hard_sharing) else None
        self.pose = PoseStream(config) if tasks.pose else None
        self.coordinate_encoder = PoseEncoder(config) if tasks.coordinates and not tasks.encoder else None
        self.coordinates = SceneCoordinateStream(config) if tasks.coordinates else None
        self.odometry = OdometryStream(config) if tasks.odometry else None
        adapnet = config.segmenter == "adapnet"
        self.segmentation = SegmentationStream(config) if tasks.encoder and adapnet else None
        self.depth = DepthDecoder(config) if tasks.depth else None
        self.alignment = MotionPrior() if config.aligned else None
        initialize(self)
        if self.pose is not None and self.pose.temporal_fusion is not None:
            self.pose.temporal_fusion.initialize_identity()
        if self.segmentation is not None and self.segmentation.decoder is not None:
            self.segmentation.decoder.initialize()
        # After `initialize`: a baseline keeps torchvision's initial weights.
        self.baseline = None if adapnet else VGG_BASELINES.get(config.segmenter, SegmentationBaseline)(config)
        self.register_buffer("image_mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
        self.register_buffer("image_std", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))
        focal = config.width / 2.0
        centre = ((config.width - 1) / 2.0, (config.height - 1) / 2.0)
        self.register_buffer("intrinsics", torch.tensor([focal, focal, *centre]))

    def encode(self, image: Tensor, *, keep: bool = True) -> FrameFeatures:
        """Compute the features of one frame that depend on no other frame.

        Args:
            image: (B, 3, height, width) in 0..1.
            keep: whether a later frame uses these features as its previous ones; otherwise that side is skipped.
        """
        image = self.front_end(image)
        if self.baseline is not None:
            return FrameFeatures(None, None, None, None, baseline=self.baseline.encode(self._normalize(image)))
        segmentation = self.encode_segmentation(image)
        features = self.encode_localization(image, segmentation, keep=keep)
        if self.depth is None or segmentation is None:
            return features
        grey = None if self.alignment is None else image.mean(1, keepdim=True)
        return features._replace(depth=self.depth(segmentation), grey=grey)

    def encode_segmentation(self, image: Tensor) -> SegmentationFeatures | None:
        """Compute the segmentation stream's part of `encode`, from the output of the front end."""
        return None if self.segmentation is None else self.segmentation.encode(self._normalize(image))

    def encode_localization(
        self, image: Tensor, segmentation: SegmentationFeatures | None, *, keep: bool = True
    ) -> FrameFeatures:
        """Compute the part of `encode` that uses the segmentation stream's features of the same frame.

        Args:
            image: (B, 3, height, width) output of the front end.
            segmentation: features of the same image.
            keep: see `encode`.
        """
        x = self._normalize(image)
        fine, trunk = (None, None) if self.trunk is None else self.trunk.stages(x)
        pose_5a, previous, matched, coordinates = None, None, None, None
        if self.pose is not None and trunk is not None:
            pose_5a = self.pose.encode(trunk, None if segmentation is None else segmentation.res5c)
        if self.coordinates is not None and trunk is not None:
            coordinates = self.coordinates(self._coordinate_maps(trunk, segmentation))
        if self.odometry is not None:
            if self.odometry.current_trunk is not None:
                fine, trunk = self.odometry.current_trunk.stages(x)
            if self.config.correlation is not None:
                matched = fine if self.config.correlation_at == "res2" else trunk
            previous = self.odometry.encode_previous(x) if keep else None
        return FrameFeatures(trunk, pose_5a, previous, segmentation, matched, coordinates=coordinates)

    def coordinate_features(self, image: Tensor) -> Tensor:
        """Return the features (B, h * w, C) that scene coordinates are predicted from (`scene_coordinates`).

        Args:
            image: (B, 3, height, width) in 0..1.
        """
        image = self.front_end(image)
        assert self.trunk is not None
        maps = self._coordinate_maps(self.trunk(self._normalize(image)), self.encode_segmentation(image))
        return cell_features(maps)

    def _coordinate_maps(self, trunk: Tensor, segmentation: SegmentationFeatures | None) -> tuple[Tensor, ...]:
        """Return the feature maps that scene coordinates are predicted from."""
        if self.coordinate_encoder is not None:
            return trunk, *self.coordinate_encoder.stages(trunk, None)
        assert segmentation is not None
        return trunk, segmentation.res3d, segmentation.res5c

    def decode(self, current: FrameFeatures, previous: FrameFeatures, *, labels: bool = True) -> Prediction:
        """Predict for the current frame, with or without labels. A first frame is decoded with itself as previous."""
        if self.baseline is not None and current.baseline is not None:
            return Prediction(None, None, None, None, self.baseline.decode(current.baseline), None)
        pose = self._pose(current, previous)
        motion = self.motion(current, previous)
        others = (*pose[2:], current.coordinates, current.grey)
        if not labels or self.segmentation is None or current.segmentation is None or previous.segmentation is None:
            return Prediction(*pose[:2], *motion, None, current.depth, *others)
        depth, grid = current.depth, None
        if self.config.tasks.warping and depth is not None and motion[0] is not None and motion[1] is not None:
            grid = sampling_grid(depth, motion[0], motion[1], self.intrinsics)
        logits = self.segmentation.decode(current.segmentation, previous.segmentation, grid)
        return Prediction(*pose[:2], *motion, logits, depth, *others)

    def motion(self, current: FrameFeatures, previous: FrameFeatures) -> tuple[Tensor | None, Tensor | None]:
        """Regress the motion: see `Prediction`."""
        if self.odometry is None or current.trunk is None or previous.odometry_previous is None:
            return None, None
        matched = None
        if current.matched is not None and previous.matched is not None:
            matched = (current.matched, previous.matched)
        result: tuple[Tensor, Tensor] = self.odometry.decode(current.trunk, previous.odometry_previous, matched)
        return result

    def forward(self, previous_image: Tensor, image: Tensor) -> Prediction:
        """Predict for the second image of pairs, both (B, 3, height, width) in 0..1."""
        return self.decode(self.encode(image, keep=False), self.encode(previous_image))

    def _pose(
        self, current: FrameFeatures, previous: FrameFeatures
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, Tensor | None]:
        """Return translation, quaternion, covariance if poses are sampled, and the features that they come from."""
        if self.pose is None or current.pose_5a is None or previous.pose_5a is None:
            return None, None, None, None
        features = self.pose.features(current.pose_5a, previous.pose_5a)
        if self.training and self.config.neighbours > 0:  # the database has features of earlier weights
            return None, None, None, features
        if self.config.samples > 0 and not self.training:
            return *self.pose.sample(features), features
        return *self.pose.regressor.regress(features), None, features

    def _normalize(self, image: Tensor) -> Tensor:
        return (image - self.image_mean) / self.image_std
