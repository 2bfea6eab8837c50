"""Published results of Radwan, Valada and Burgard, VLocNet++, RA-L 2018, with 7-Scenes' original poses.

They were not measured with this package, and no public code is known that reproduces them.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "arXiv 1804.08366"
#: Scenes in the order of the published table.
SCENES = ("chess", "fire", "heads", "office", "pumpkin", "redkitchen", "stairs")


@dataclass(frozen=True)
class PublishedResult:
    """Numbers of one method; None if not published.

    Attributes:
        median_m, median_deg: median pose error, metres and degrees; for an average, the mean of the scenes' medians.
        within_5cm_5deg: share of the poses, 0..1.
        rpe_percent, rpe_deg_per_m: error of the odometry, per cent of the path and degrees per metre.
        miou: mean intersection over union, 0..1.
    """

    median_m: float | None = None
    median_deg: float | None = None
    within_5cm_5deg: float | None = None
    rpe_percent: float | None = None
    rpe_deg_per_m: float | None = None
    miou: float | None = None


SINGLE, MULTI = "VLocNet++ single-task", "VLocNet++ multitask"

#: Results by method and scene. Without labels, "multitask" is pose and odometry; the odometry was published once.
SEVEN_SCENES: dict[str, dict[str, PublishedResult]] = {
    "VLocNet": {
        "chess": PublishedResult(0.036, 1.71),
        "fire": PublishedResult(0.039, 5.34),
        "heads": PublishedResult(0.046, 6.64),
        "office": PublishedResult(0.039, 1.95),
        "pumpkin": PublishedResult(0.037, 2.28),
        "redkitchen": PublishedResult(0.039, 2.20),
        "stairs": PublishedResult(0.097, 6.48),
        "average": PublishedResult(0.048, 3.80),
    },
    SINGLE: {
        "chess": PublishedResult(0.023, 1.44),
        "fire": PublishedResult(0.018, 1.39),
        "heads": PublishedResult(0.016, 0.99),
        "office": PublishedResult(0.024, 1.14),
        "pumpkin": PublishedResult(0.024, 1.45),
        "redkitchen": PublishedResult(0.025, 2.27),
        "stairs": PublishedResult(0.021, 1.08),
        "average": PublishedResult(0.022, 1.39, 0.964),
    },
    MULTI: {
        "chess": PublishedResult(0.018, 1.17, None, 0.99, 0.66),
        "fire": PublishedResult(0.009, 0.61, None, 0.99, 0.78),
        "heads": PublishedResult(0.008, 0.60, None, 0.58, 1.59),
        "office": PublishedResult(0.016, 0.78, None, 1.32, 1.01),
        "pumpkin": PublishedResult(0.009, 0.82, None, 1.16, 0.98),
        "redkitchen": PublishedResult(0.017, 0.93, None, 1.26, 1.52),
        "stairs": PublishedResult(0.010, 0.48, None, 1.55, 1.10),
        "average": PublishedResult(0.013, 0.77, 0.992, 1.12, 1.09),
    },
}

DEEPLOC: dict[str, PublishedResult] = {
    "PoseNet": PublishedResult(2.42, 3.66),
    "Bayesian PoseNet": PublishedResult(2.24, 4.31),
    "SVS-Pose": PublishedResult(1.61, 3.52),
    "VLocNet": PublishedResult(0.68, 3.43),
    SINGLE: PublishedResult(0.37, 1.93),
    MULTI: PublishedResult(0.32, 1.48, None, 0.12, 0.024, 0.8044),
}
