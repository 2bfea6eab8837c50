"""Rows of the benchmark of VLocNet++'s systems: system, training, number of steps, and initial weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vlocnet_accuracy_tables import NO_WARPING, POSENET_MORE, SHIPPED

#: Recorded drives through the apartment, more of them, a sequence of 7-Scenes.
DataName = Literal["drives", "more drives", "redkitchen"]


@dataclass(frozen=True)
class VlocnetRun:
    """Training of a row: a system with ablations or options, from the weights of other runs.

    A row with 0 steps is the shipped network, which is only scored.
    """

    name: str
    system: str
    group: str
    steps: float = 1.0  # share of VlocnetAccuracyConfig.steps
    ablations: tuple[str, ...] = ()
    initial: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    main: bool = False
    data: DataName = "drives"


#: Shares of the batches: poses are mostly trained on single frames, because both frames of a pair show the same place.
PAIRS = ("--mixture.pose", "2", "--mixture.pairs", "1", "--mixture.all", "1")
JOINT = ("vlocnetpp_single", "adapnet")
#: Group of the rows with as many batches as VLocNet++.
AS_LONG = "Trained for as long as VLocNet++"
#: Group of the shipped network, which is only scored, and of a system with as many drives and batches.
AS_SHIPPED = "The shipped network, and PoseNet with as many drives and batches"
#: Batches of the shipped network's poses, in three trainings (its card in `models/`), as a share of `--steps 3000`.
SHIPPED_STEPS = (3000 + 7414 + 2675) / 3000
#: Group of the ablations, which have a shorter joint training; they are compared with the first row of the group.
SHORT = "Ablations of VLocNet++, with a third of the joint training"


def _ablation(name: str, *ablations: str, options: tuple[str, ...] = ()) -> VlocnetRun:
    return VlocnetRun(name, "vlocnetpp", SHORT, 0.5 / 3.0, ablations, JOINT, (*PAIRS, *options))


RUNS = (
    VlocnetRun("posenet", "posenet", "Systems", main=True),
    VlocnetRun(
        "posenet with ReLU", "posenet", "Systems", ablations=("relu",)
    ),  # not VLocNet++, whose single tasks have ELU
    VlocnetRun("bayesian_posenet", "bayesian_posenet", "Systems"),
    VlocnetRun("lstm_pose", "lstm_pose", "Systems"),
    VlocnetRun("svs_pose", "svs_pose", "Systems"),
    VlocnetRun("nnnet", "nnnet", "Systems"),
    VlocnetRun("vlocnet", "vlocnet", "Systems", options=PAIRS, main=True),
    VlocnetRun("vlocnetpp_single", "vlocnetpp_single", "Systems", options=PAIRS, main=True),
    VlocnetRun("vlocnetpp", "vlocnetpp", "Systems", 0.5, initial=JOINT, options=PAIRS, main=True),
    VlocnetRun("dsacpp", "dsacpp", "Systems"),
    VlocnetRun("vlocnetpp_scene", "vlocnetpp_scene", "Systems", 0.5, initial=("dsacpp", *JOINT), options=PAIRS),
    VlocnetRun("odometry", "odometry", "Systems"),
    VlocnetRun("adapnet", "adapnet", "Systems", 0.5, main=True),
    VlocnetRun("fcn", "fcn", "Systems", 0.5),
    *(VlocnetRun(name, name, "Systems", 0.5) for name in ("deeplabv3", "segnet", "upnet", "parsenet")),
    # effect of joint training at an equal number of batches, and of the previous frame on the labels
    VlocnetRun("single, as long", "vlocnetpp_single", AS_LONG, 0.5, initial=("vlocnetpp_single",), options=PAIRS),
    VlocnetRun(NO_WARPING, "vlocnetpp", AS_LONG, 0.5, ("no_warping",), JOINT, PAIRS),
    VlocnetRun(SHIPPED, "vlocnetpp", AS_SHIPPED, 0.0, data="more drives"),
    VlocnetRun(POSENET_MORE, "posenet", AS_SHIPPED, SHIPPED_STEPS, data="more drives"),
    _ablation("complete"),
    _ablation("no viewpoint augmentation", options=("--augmentation.viewpoint", "0")),
    _ablation("no geometric consistency", "no_consistency"),
    _ablation("no temporal fusion", "temporal_none"),
    _ablation("temporal fusion by concatenation", "temporal_concatenation"),
    *(_ablation(f"semantic fusion at {place}", f"semantic_{place}") for place in ("4a", "4b", "4d", "4e", "4f")),
    _ablation("no hard sharing", "own_trunk"),
    *(
        VlocnetRun(f"{system} in RedKitchen", system, "RedKitchen", options=options, data="redkitchen")
        for system, options in (
            ("posenet", ()),
            ("svs_pose", ()),
            ("vlocnet", PAIRS),
            ("vlocnetpp_single", PAIRS),
            ("dsacpp", ()),
        )
    ),
)
