"""Structure of VLocNet++: all architectural numbers. Numbers of the training are in `training/config.py`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Literal, get_args, get_origin, get_type_hints

from localization_common.errors import ConfigError
from localization_common.files.configuration import MAX_PIXELS, require_at_most
from localization_common.photometry.normalization import Normalization

#: Places where segmentation features of the previous frame can be fused, in the encoder's order, with their output
#: stride.
SEGMENTATION_PLACES = {"res3d": 8, "res4f": 16, "res5c": 16}
#: Largest number of entries in the masks of Monte Carlo dropout.
_MOST_MASKED = 1 << 24


@dataclass(frozen=True)
class Tasks:
    """Streams of a network. Data without labels trains the encoder of the segmentation stream only, for depth.

    Attributes:
        pose: global pose by regression.
        odometry: motion since the previous frame.
        segmentation: labels.
        depth: depth image.
        coordinates: scene coordinates, from which a global pose is solved.
    """

    pose: bool = True
    odometry: bool = True
    segmentation: bool = True
    depth: bool = True
    coordinates: bool = False

    def __post_init__(self) -> None:
        if not any(getattr(self, f.name) for f in fields(self)):
            raise ConfigError("tasks: at least one of pose, odometry, segmentation, depth and coordinates is needed")

    @property
    def encoder(self) -> bool:
        """True if AdapNet's encoder exists: labels and depth are both decoded from it."""
        return self.segmentation or self.depth

    @property
    def global_pose(self) -> bool:
        """True if a stream gives poses in the map."""
        return self.pose or self.coordinates

    @property
    def localizes(self) -> bool:
        """True if a stream gives poses, or motions, which can be integrated."""
        return self.global_pose or self.odometry

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the streams that exist."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name))

    def __and__(self, other: Tasks) -> Tasks:
        """Streams that exist in both."""
        return Tasks(**{f.name: getattr(self, f.name) and getattr(other, f.name) for f in fields(self)})

    @property
    def warping(self) -> bool:
        """True if segmentation features of the previous frame can be warped: it needs predicted motion and depth."""
        return self.segmentation and self.depth and self.odometry


@dataclass(frozen=True)
class VLocNetConfig:
    """Structure of the network. `paper` is the published structure, `light` the same with fewer channels, for CPUs,
    and `shallow` the light one with fewer residual units.

    Attributes:
        width, height: size of the input in pixels; multiples of 16, the output stride of the segmentation encoder.
        normalization: front end: ``none``; ``picture`` or ``local`` remove exposure, white balance and contrast of each
            image (`localization_common.photometry.normalization`).
        stem: channels of Res1.
        mids: channels of the 3x3 convolutions of Res2..Res5; a unit's output has ``expansion`` times as many.
        units: residual units of Res2..Res5.
        activation: activation of the residual units, decoders and regressors; ``elu`` in the paper.
        fc: features of fc1 in the regressors of pose and odometry.
        pool: grid (rows, columns) to which the last features are averaged before fc1; (1, 1) is global average pooling.
            A larger grid keeps some layout of the image; it compensates for the few channels of a narrow network.
        rotation: output of fc3: ``quaternion`` (4 numbers, the paper) or ``axes`` (6 numbers, two axes of the rotation
            matrix, Zhou et al. 2019). No continuous function gives quaternions for a full turn, so a camera that looks
            in all directions learns axes much faster. Results and losses use unit quaternions in both cases.
        regressor: layers of the global pose between fc1 and fc2/fc3: ``mlp`` has none, as in the paper; ``lstm`` reads
            fc1's features as a grid in four directions (Walch et al. 2017); ``neighbours`` regresses poses relative to
            similar frames of a database (Laskar et al. 2017).
        neighbours: number of frames in this database; 0 without.
        dropout: rate of dropout before fc2 and fc3, and in the last unit of the segmentation encoder.
        samples: passes with dropout from which a pose and its covariance are estimated (Monte Carlo dropout, Kendall
            and Cipolla 2016); 0 for one pass without dropout.
        tasks: streams that exist.
        classes: segmentation classes; needed with segmentation only.
        segmenter: segmentation stream: ``adapnet``, which the other streams build upon; or one of the networks that it
            is compared with, without other streams: ``fcn`` (Long et al. 2015) or ``deeplabv3`` (Chen et al. 2017) with
            torchvision's residual backbone; ``segnet`` (Badrinarayanan et al. 2017), ``upnet`` (Oliveira et al. 2016)
            or ``parsenet`` (Liu et al. 2016) with VGG-16's groups of convolutions, whose widths are ``stem`` and
            ``mids``.
        atrous_rates: dilations of DeepLabV3's pyramid; torchvision's by default.
        segmentation_stem: channels of the extra 3x3 convolution in AdapNet's stem.
        warping: whether warped features of the previous frame are fused; needs predicted motion and depth.
        warp_places: places where warped segmentation features are fused (keys of `SEGMENTATION_PLACES`). The long
            paper names Res4f and Res5c in one section, the ends of Res3 and Res4 (``("res3d", "res4f")``) in another.
        temporal_fusion: fusion of Res5a of the previous frame into the pose stream: ``adaptive`` (VLocNet++),
            ``concatenation`` or ``none``.
        hard_sharing: whether the odometry stream's current side shares Res1 to Res3 with the pose stream (hybrid hard
            sharing); otherwise it has its own.
        consistency: whether training adds the geometric consistency terms (equation 5); the network is the same.
        semantic_unit: unit of pose Res4 (0 = 4a) after which segmentation features are fused; the ablation chose 4c.
        skips: blocks of AdapNet whose features refine the decoder, deepest first; the published AdapNet has (2,).
        correlation: reach (horizontal, vertical), in cells of ``correlation_at``, of a local correlation between both
            frames that joins the odometry stream at Res5; None, as in the paper, for concatenation alone.
        correlation_at: end of the shared trunk that is correlated: ``res2`` (finer) or ``res3``.
        alignment: Gauss-Newton iterations at full, half, quarter ... resolution that refine odometry until both images
            agree over the predicted depth; none, as in the paper, for the regressed motion alone. Needs depth.
        depth_channels: width of the depth decoder.
        depth_range: nearest and farthest depth that can be predicted, metres.
        coordinate_channels: width of the perceptron of scene coordinates.
    """

    width: int = 224
    height: int = 224
    normalization: Normalization = "none"
    stem: int = 64
    mids: tuple[int, int, int, int] = (64, 128, 256, 512)
    expansion: int = 4
    units: tuple[int, int, int, int] = (3, 4, 6, 3)
    activation: Literal["elu", "relu"] = "elu"
    fc: int = 1024
    pool: tuple[int, int] = (1, 1)
    rotation: Literal["quaternion", "axes"] = "quaternion"
    regressor: Literal["mlp", "lstm", "neighbours"] = "mlp"
    neighbours: int = 0
    dropout: float = 0.2
    samples: int = 0
    tasks: Tasks = field(default_factory=Tasks)
    classes: int = 10
    segmenter: Literal["adapnet", "fcn", "deeplabv3", "segnet", "upnet", "parsenet"] = "adapnet"
    atrous_rates: tuple[int, int, int] = (12, 24, 36)
    segmentation_stem: int = 64
    warping: bool = True
    warp_places: tuple[str, ...] = ("res4f", "res5c")
    temporal_fusion: Literal["none", "concatenation", "adaptive"] = "adaptive"
    hard_sharing: bool = True
    consistency: bool = True
    semantic_unit: int = 2
    skips: tuple[int, ...] = (2,)
    correlation: tuple[int, int] | None = None
    correlation_at: Literal["res2", "res3"] = "res3"
    alignment: tuple[int, ...] = ()
    depth_channels: int = 64
    depth_range: tuple[float, float] = (0.1, 80.0)
    coordinate_channels: int = 512

    def __post_init__(self) -> None:
        require_at_most(
            self, width=4096, height=4096, stem=4096, mids=8192, expansion=64, units=64, fc=1 << 20, pool=64,
            samples=10_000, classes=255, atrous_rates=64, segmentation_stem=4096, alignment=1000, depth_channels=8192,
            coordinate_channels=8192, count_warp_places=16, neighbours=1 << 16,
        )  # fmt: skip
        if self.correlation is not None:
            require_at_most(self, correlation=64)
        if self.neighbours < 0 or (self.regressor == "neighbours") != (self.neighbours > 0):
            raise ConfigError(f"neighbours: {self.neighbours}, but the regressor is {self.regressor}")
        if self.neighbours * self.fc > _MOST_MASKED:
            raise ConfigError(f"neighbours, fc: {self.neighbours} x {self.fc} are more than {_MOST_MASKED} features")
        if self.samples * self.fc > _MOST_MASKED:
            raise ConfigError(f"samples, fc: {self.samples} x {self.fc} are more than {_MOST_MASKED} masks")
        if self.width * self.height > MAX_PIXELS:
            raise ConfigError(f"width, height: {self.width}x{self.height} are more than {MAX_PIXELS} pixels")
        if self.width < 32 or self.height < 32 or self.width % 16 or self.height % 16:
            raise ConfigError(
                f"width, height: {self.width}x{self.height}, but both must be multiples of 16, at least 32"
            )
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ConfigError(f"{name}: {getattr(self, name)!r} is not one of {', '.join(choices)}")
        positive = {
            "stem": self.stem,
            "expansion": self.expansion,
            "fc": self.fc,
            "segmentation_stem": self.segmentation_stem,
            "depth_channels": self.depth_channels,
            "coordinate_channels": self.coordinate_channels,
        }
        for name, value in positive.items():
            if value < 1:
                raise ConfigError(f"{name}: {value} must be positive")
        if any(m < 2 or m % 2 for m in self.mids):
            raise ConfigError(f"mids: {self.mids} must be even (multi-scale units split them)")
        if any(n < 1 for n in self.units) or min(self.pool) < 1:
            raise ConfigError(f"units {self.units} and pool {self.pool} must be positive")
        if not 0.0 <= self.dropout < 1.0:
            raise ConfigError(f"dropout: {self.dropout} is not in [0, 1)")
        if self.samples and (self.samples < 7 or not self.tasks.pose or self.dropout == 0.0):
            raise ConfigError(
                f"samples: {self.samples} must be 0; or, with a pose stream and dropout, 7 at least for a covariance"
            )
        if not 0 <= self.semantic_unit < self.units[2]:
            raise ConfigError(f"semantic_unit: {self.semantic_unit}, but Res4 has {self.units[2]} units")
        if self.tasks.segmentation and not 2 <= self.classes <= 255:
            raise ConfigError(f"classes: {self.classes} is not in 2..255")
        if self.segmenter != "adapnet" and self.tasks != Tasks(pose=False, odometry=False, depth=False):
            raise ConfigError(f"segmenter: {self.segmenter} stands alone, but tasks are {self.tasks}")
        if min(self.atrous_rates) < 1:
            raise ConfigError(f"atrous_rates: {self.atrous_rates} must be positive")
        if set(self.warp_places) - set(SEGMENTATION_PLACES):
            raise ConfigError(f"warp_places: {self.warp_places} are not all of {tuple(SEGMENTATION_PLACES)}")
        if self.correlation is not None and min(self.correlation) < 0:
            raise ConfigError(f"correlation: {self.correlation} must not be negative")
        if len(self.alignment) > 4 or min(self.alignment, default=0) < 0:
            raise ConfigError(f"alignment: {self.alignment} must be up to four counts of iterations")
        if self.skips not in ((2,), (2, 1)):
            raise ConfigError(f"skips: {self.skips} is neither (2,) nor (2, 1)")
        if not 0.0 < self.depth_range[0] < self.depth_range[1]:
            raise ConfigError(f"depth_range: {self.depth_range} must be positive and increasing")

    @property
    def paired(self) -> bool:
        """True if the network, or its training, uses two frames at a time."""
        return self.tasks.odometry or (self.tasks.pose and (self.consistency or self.temporal_fusion != "none"))

    @property
    def aligned(self) -> bool:
        """True if direct alignment refines the motion."""
        return len(self.alignment) > 0 and self.tasks.depth and self.tasks.odometry

    @property
    def outputs(self) -> tuple[int, int, int, int]:
        """Channels at the ends of Res2..Res5."""
        a, b, c, d = (m * self.expansion for m in self.mids)
        return a, b, c, d

    @classmethod
    def paper(cls, *, tasks: Tasks | None = None, classes: int = 10) -> VLocNetConfig:
        """Structure of the published network: ResNet-50 streams, 224x224."""
        return cls(tasks=tasks or Tasks(), classes=classes)

    @classmethod
    def light(
        cls, *, tasks: Tasks | None = None, classes: int = 10, width: int = 160, height: int = 112
    ) -> VLocNetConfig:
        """Narrow structure with a small input: trains in minutes on CPU cores."""
        return cls(
            width=width,
            height=height,
            stem=16,
            mids=(16, 32, 64, 128),
            expansion=2,
            fc=256,
            pool=(2, 3),
            rotation="axes",
            dropout=0.05,
            tasks=tasks or Tasks(),
            classes=classes,
            segmentation_stem=4,
            skips=(2, 1),
            correlation=(3, 1),
            alignment=(2, 3, 3),
            depth_channels=32,
            depth_range=(0.1, 20.0),
            coordinate_channels=256,
        )

    @classmethod
    def shallow(
        cls, *, tasks: Tasks | None = None, classes: int = 10, width: int = 160, height: int = 112
    ) -> VLocNetConfig:
        """Light structure with less than half of its residual units, whose weights fit: a checkpoint of it can start
        a training."""
        light = cls.light(tasks=tasks, classes=classes, width=width, height=height)
        return replace(light, units=(1, 2, 2, 1), semantic_unit=1)


#: Allowed values of the fields that hold a word.
_CHOICES = {name: get_args(hint) for name, hint in get_type_hints(VLocNetConfig).items() if get_origin(hint) is Literal}
