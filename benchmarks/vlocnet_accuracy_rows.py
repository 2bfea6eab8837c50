"""Rows of the benchmark of VLocNet++'s systems: what is trained how, for how long, and from what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vlocnet_accuracy_tables import NO_WARPING, POSENET_MORE, SHIPPED

#: Recorded drives through the apartment, more of them, a sequence of 7-Scenes.
Data = Literal["drives", "more drives", "redkitchen"]


@dataclass(frozen=True)
class Run:
    """One training: a system, changed by ablations or options, from what other runs ended with.

    Without steps it is the shipped network, which is scored as it is.
    """

    name: str
    system: str
    group: str
    steps: float = 1.0  # share of Config.steps
    ablations: tuple[str, ...] = ()
    initial: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    main: bool = False
    data: Data = "drives"


#: Pose is trained on single frames mostly: two frames of a pair show the same place.
PAIRS = ("--mixture.pose", "2", "--mixture.pairs", "1", "--mixture.all", "1")
JOINT = ("vlocnetpp_single", "adapnet")
#: Group of the rows that see as many batches as VLocNet++.
AS_LONG = "Trained for as long as VLocNet++"
#: Group of the shipped network, which is scored as it is, and of what had as many drives and batches.
AS_SHIPPED = "The shipped network, and PoseNet with as many drives and batches"
#: Batches of the shipped network's poses, in three trainings (its card in `models/`), as a share of `--steps 3000`.
SHIPPED_STEPS = (3000 + 7414 + 2675) / 3000
#: Group of the ablations: too many for all of the joint training, so their first row is what they are compared with.
SHORT = "Ablations of VLocNet++, with a third of the joint training"


def _ablation(name: str, *ablations: str, options: tuple[str, ...] = ()) -> Run:
    return Run(name, "vlocnetpp", SHORT, 0.5 / 3.0, ablations, JOINT, (*PAIRS, *options))


RUNS = (
    Run("posenet", "posenet", "Systems", main=True),
    Run("posenet with ReLU", "posenet", "Systems", ablations=("relu",)),  # not VLocNet++, whose single tasks have ELU
    Run("bayesian_posenet", "bayesian_posenet", "Systems"),
    Run("lstm_pose", "lstm_pose", "Systems"),
    Run("svs_pose", "svs_pose", "Systems"),
    Run("vlocnet", "vlocnet", "Systems", options=PAIRS, main=True),
    Run("vlocnetpp_single", "vlocnetpp_single", "Systems", options=PAIRS, main=True),
    Run("vlocnetpp", "vlocnetpp", "Systems", 0.5, initial=JOINT, options=PAIRS, main=True),
    Run("odometry", "odometry", "Systems"),
    Run("adapnet", "adapnet", "Systems", 0.5, main=True),
    Run("fcn", "fcn", "Systems", 0.5),
    Run("deeplabv3", "deeplabv3", "Systems", 0.5),
    # what joint training gives beyond the time that it takes, and the frame before to the labels
    Run("single, as long", "vlocnetpp_single", AS_LONG, 0.5, initial=("vlocnetpp_single",), options=PAIRS),
    Run(NO_WARPING, "vlocnetpp", AS_LONG, 0.5, ("no_warping",), JOINT, PAIRS),
    Run(SHIPPED, "vlocnetpp", AS_SHIPPED, 0.0, data="more drives"),
    Run(POSENET_MORE, "posenet", AS_SHIPPED, SHIPPED_STEPS, data="more drives"),
    _ablation("complete"),
    _ablation("no viewpoint augmentation", options=("--augmentation.viewpoint", "0")),
    _ablation("no geometric consistency", "no_consistency"),
    _ablation("no temporal fusion", "temporal_none"),
    _ablation("temporal fusion by concatenation", "temporal_concatenation"),
    *(_ablation(f"semantic fusion at {place}", f"semantic_{place}") for place in ("4a", "4b", "4d", "4e", "4f")),
    _ablation("no hard sharing", "own_trunk"),
    *(
        Run(f"{system} in RedKitchen", system, "RedKitchen", options=options, data="redkitchen")
        for system, options in (("posenet", ()), ("svs_pose", ()), ("vlocnet", PAIRS), ("vlocnetpp_single", PAIRS))
    ),
)
