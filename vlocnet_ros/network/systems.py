"""Systems that VLocNet++ is compared with, and its ablations: configurations of the same parts.

``vlocnet_train --system NAME`` trains each, the same `Localizer` runs them, and `vlocnet_systems` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from vlocnet_ros.config import Tasks, VLocNetConfig

SystemName = Literal[
    "posenet",
    "bayesian_posenet",
    "lstm_pose",
    "svs_pose",
    "nnnet",
    "vlocnet",
    "vlocnetpp_single",
    "vlocnetpp",
    "vlocnetpp_scene",
    "dsacpp",
    "odometry",
    "adapnet",
    "fcn",
    "deeplabv3",
    "segnet",
    "upnet",
    "parsenet",
]
AblationName = Literal[
    "semantic_4a",
    "semantic_4b",
    "semantic_4c",
    "semantic_4d",
    "semantic_4e",
    "semantic_4f",
    "no_consistency",
    "temporal_none",
    "temporal_concatenation",
    "no_warping",
    "warping_early",
    "relu",
    "own_trunk",
]

StructureName = Literal["light", "shallow", "paper"]
PRESETS: dict[StructureName, Callable[..., VLocNetConfig]] = {
    "light": VLocNetConfig.light,
    "shallow": VLocNetConfig.shallow,
    "paper": VLocNetConfig.paper,
}

POSE = Tasks(odometry=False, segmentation=False, depth=False)
POSE_AND_ODOMETRY = Tasks(segmentation=False, depth=False)
ODOMETRY = Tasks(pose=False, segmentation=False, depth=False)
COORDINATES = Tasks(pose=False, odometry=False, segmentation=False, depth=False, coordinates=True)
SEGMENTATION = Tasks(pose=False, odometry=False, depth=False)


@dataclass(frozen=True)
class VLocNetSystem:
    """Row of the comparison.

    Attributes:
        description: difference from the other systems, in a line.
        reference: publication.
        tasks: streams of the system.
        changes: changed fields of `VLocNetConfig`, at both widths.
        light, paper: further changed fields at one width.
        viewpoint: whether training frames may be re-projected to nearby poses; the training command sets the share. Off
            for systems that were published without it; `svs_pose` is `posenet` with it.
    """

    description: str
    reference: str
    tasks: Tasks
    changes: Mapping[str, Any] = field(default_factory=dict)
    light: Mapping[str, Any] = field(default_factory=dict)
    paper: Mapping[str, Any] = field(default_factory=dict)
    viewpoint: bool = True

    def structure(
        self,
        width: StructureName,
        *,
        tasks: Tasks | None = None,
        classes: int = 10,
        ablations: tuple[AblationName, ...] = (),
    ) -> VLocNetConfig:
        """Return the structure of its network.

        Args:
            width: published width, the narrow one for CPUs, or the narrow one with fewer units.
            tasks: streams that the data can train; streams that the system lacks are ignored.
            classes: number of classes of the segmentation.
            ablations: names of ablations, applied in this order.

        Raises:
            ConfigError: no stream is left, or an ablation does not fit this system.
        """
        own = self.paper if width == "paper" else self.light
        config = PRESETS[width](tasks=self.tasks if tasks is None else self.tasks & tasks, classes=classes)
        changes = {**self.changes, **own}
        for name in ablations:
            changes |= ABLATIONS[name]
        return replace(config, **changes)


#: Changes for single poses: the previous frame is used neither in the network nor in the loss.
_SINGLE = {"temporal_fusion": "none", "consistency": False}

#: Changes that give the multiply-adds of light AdapNet with the same number of units: output stride 8 in place of 16
#: allows fewer channels.
_NARROW = {"mids": (16, 24, 40, 64)}

SYSTEMS: dict[SystemName, VLocNetSystem] = {
    "posenet": VLocNetSystem(
        "pose of single frames, learned loss weights",
        "Kendall and Cipolla, CVPR 2017; [21] with its weights by hand",
        POSE,
        _SINGLE,
        viewpoint=False,
    ),
    "bayesian_posenet": VLocNetSystem(
        "PoseNet with Monte Carlo dropout: mean and covariance of 40 passes",
        "Kendall and Cipolla, ICRA 2016 [22]",
        POSE,
        _SINGLE | {"dropout": 0.5, "samples": 40},
        viewpoint=False,
    ),
    "lstm_pose": VLocNetSystem(
        "PoseNet with fc1's features read by four LSTMs",
        "Walch et al., ICCV 2017 [2]",
        POSE,
        _SINGLE | {"regressor": "lstm"},
        paper={"fc": 2048},
        viewpoint=False,
    ),
    "svs_pose": VLocNetSystem(
        "PoseNet trained on synthesised viewpoints",
        "Naseer and Burgard, IROS 2017 [23]",
        POSE,
        _SINGLE,
    ),
    "nnnet": VLocNetSystem(
        "poses relative to similar frames of a database; their majority gives the pose",
        "Laskar et al., ICCV workshops 2017 [3]",
        POSE,
        _SINGLE | {"regressor": "neighbours", "neighbours": 512},
        viewpoint=False,
    ),
    # The published network gets the previous pose as an input, in training the true one. Here the previous frame's
    # features are concatenated instead: they come from the network in training and at test time, and no estimate is an
    # input of the next one.
    "vlocnet": VLocNetSystem(
        "pose and odometry with shared trunk, geometric consistency, previous frame by concatenation",
        "Valada et al., ICRA 2018 [9]",
        POSE_AND_ODOMETRY,
        {"temporal_fusion": "concatenation"},
    ),
    "vlocnetpp_single": VLocNetSystem(
        "VLocNet with adaptive fusion of the previous frame; no semantics",
        "VLocNet++, single-task",
        POSE_AND_ODOMETRY,
    ),
    "vlocnetpp": VLocNetSystem(
        "pose, odometry, segmentation and depth together",
        "VLocNet++, multitask",
        Tasks(),
    ),
    "vlocnetpp_scene": VLocNetSystem(
        "VLocNet++ with scene coordinates, from which poses are solved, in place of the regression",
        "VLocNet++, multitask; Brachmann et al., CVPR 2023 [ACE]",
        Tasks(pose=False, coordinates=True),
    ),
    "dsacpp": VLocNetSystem(
        "scene coordinates only, poses solved by RANSAC; trained without differentiable RANSAC, as ACE",
        "Brachmann and Rother, CVPR 2018; Brachmann et al., CVPR 2023",
        COORDINATES,
    ),
    "odometry": VLocNetSystem("odometry streams only", "VLocNet++, section II-A", ODOMETRY),
    "adapnet": VLocNetSystem(
        "segmentation stream only, one frame at a time", "Valada et al., ICRA 2017 [15]", SEGMENTATION
    ),
    "fcn": VLocNetSystem(
        "segmentation only: dilated ResNet, no skips; torchvision's fcn_resnet50",
        "Long et al., CVPR 2015",
        SEGMENTATION,
        {"segmenter": "fcn"},
        light=_NARROW,
    ),
    # Dilations in proportion to 20x14 features, as torchvision's are to the 65x65 for which they were chosen. A dilated
    # kernel that is larger than the feature map has only its middle weight inside.
    "deeplabv3": VLocNetSystem(
        "FCN with atrous spatial pyramid pooling; torchvision's deeplabv3_resnet50",
        "Chen et al., arXiv 1706.05587",
        SEGMENTATION,
        {"segmenter": "deeplabv3"},
        light=_NARROW | {"atrous_rates": (3, 6, 9)},
    ),
    "segnet": VLocNetSystem(
        "segmentation only: VGG-16 and its mirror image, which unpools by the pooling's places",
        "Badrinarayanan et al., TPAMI 2017",
        SEGMENTATION,
        {"segmenter": "segnet"},
        light={"stem": 6, "mids": (6, 12, 24, 48)},
    ),
    "upnet": VLocNetSystem(
        "segmentation only: VGG-16 and five up-convolutions",
        "Oliveira et al., IROS 2016",
        SEGMENTATION,
        {"segmenter": "upnet"},
        light={"stem": 8, "mids": (8, 16, 32, 64)},
    ),
    "parsenet": VLocNetSystem(
        "segmentation only: dilated VGG-16 with global context, the mean over the image",
        "Liu et al., ICLR workshop 2016",
        SEGMENTATION,
        {"segmenter": "parsenet"},
        light={"stem": 8, "mids": (8, 16, 32, 64)},
    ),
}

#: Fields of `VLocNetConfig` that an ablation sets.
ABLATIONS: dict[AblationName, Mapping[str, Any]] = {
    "semantic_4a": {"semantic_unit": 0},
    "semantic_4b": {"semantic_unit": 1},
    "semantic_4c": {"semantic_unit": 2},
    "semantic_4d": {"semantic_unit": 3},
    "semantic_4e": {"semantic_unit": 4},
    "semantic_4f": {"semantic_unit": 5},
    "no_consistency": {"consistency": False},
    "temporal_none": {"temporal_fusion": "none"},
    "temporal_concatenation": {"temporal_fusion": "concatenation"},
    "no_warping": {"warping": False},
    "warping_early": {"warp_places": ("res3d", "res4f")},
    "relu": {"activation": "relu"},
    "own_trunk": {"hard_sharing": False},
}
