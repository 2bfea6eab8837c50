"""Findings on pictures: sharpness, exposure, flicker, repeated pictures, and parts of the view that never change."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.camera.image_checks import MIN_CONTRAST
from localization_common.recording_check.findings import CheckResult, Grade
from localization_common.recording_check.motion import Steps
from localization_common.recording_check.samples import PictureSample

Mask = npt.NDArray[np.bool_]

#: Blur (Crete's, at a width of 320 pixels). Measured: 99 of 100 pictures of the simulator, 7-Scenes and KITTI stay
#: below 0.49; pictures of a hand-held camera that turns (TUM freiburg1_rpy) look smeared to the eye from 0.52 on; if
#: they are smeared over 9 of 320 pixels, or by a Gaussian of 2 pixels, all pictures of these recordings are above 0.57.
BLURRED = 0.52
#: Shares of blurred pictures: one in ten comes from a turn in dim light; with more than half, too few can be matched.
_SOME_BLURRED, _MOST_BLURRED = 0.1, 0.5
#: Mean grey value below which a picture is dark; and largest share of black or white pixels, which have no content.
#: Measured: well exposed recordings have means of 82 to 161, at most 18 % black and 29 % white (windows, lamps).
DARK_MEAN, _LOST_PIXELS = 40.0, 0.5
_SOME_ILL_EXPOSED, _MOST_ILL_EXPOSED = 0.1, 0.5
#: Standard deviation of the brightness change between neighbours, in grey values, that a viewer sees as flicker.
_FLICKER = 12.0
#: Mean difference of two thumbnails in grey values; below it, one picture was sent twice: sensors have more noise.
_SAME = 0.05
#: Share of repeated pictures that is reported: of all pictures, and of those of a robot that moves, also slowly.
_SOME_REPEATED, _MOST_REPEATED = 0.05, 0.5
#: Standard deviation over the recording below which a part of the view never changes; and the share of such parts that
#: a bumper or a mast may take.
_STILL, _STILL_SHARE = 3.0, 0.25


def check_sharpness(sample: PictureSample) -> CheckResult:
    """Check the share of blurred pictures."""
    known = sample.blur[np.isfinite(sample.blur) & (sample.contrast >= MIN_CONTRAST)]
    if len(known) == 0:
        return CheckResult("sharpness", Grade.OK, "no picture has enough contrast to be judged", "", {"pictures": 0})
    blurred = float((known > BLURRED).mean())
    numbers = {
        "pictures": len(known),
        "blur_median": float(np.median(known)),
        "blur_p95": float(np.percentile(known, 95)),
        "blurred_share": blurred,
        "blurred_above": BLURRED,
    }
    verdict = _graded(blurred, _SOME_BLURRED, _MOST_BLURRED)
    sentence = f"{blurred:.0%} of {len(known)} pictures are blurred (blur {numbers['blur_median']:.2f} in the median)"
    advice = (
        ""
        if verdict is Grade.OK
        else "Drive slower in turns, use a shorter exposure or more light, and focus the lens."
    )
    return CheckResult("sharpness", verdict, sentence, advice, numbers)


def check_exposure(sample: PictureSample) -> CheckResult:
    """Check for dark, overexposed and constant pictures, and for flicker."""
    if len(sample) == 0:
        return CheckResult(
            "exposure", Grade.FAIL, "no picture can be read", "Copy the recording again.", {"pictures": 0}
        )
    constant = sample.contrast < MIN_CONTRAST
    dark = ~constant & ((sample.brightness < DARK_MEAN) | (sample.black > _LOST_PIXELS))
    bright = ~constant & (sample.white > _LOST_PIXELS)
    flicker = _flicker(sample)
    numbers = {
        "pictures": len(sample),
        "unreadable": len(sample.unreadable),
        "brightness_median": float(np.median(sample.brightness)),
        "black_pixels_share": float(sample.black.mean()),
        "white_pixels_share": float(sample.white.mean()),
        "dark_share": float(dark.mean()),
        "overexposed_share": float(bright.mean()),
        "constant_share": float(constant.mean()),
        "flicker_grey_values": flicker,
    }
    verdict = _graded(float((dark | bright | constant).mean()), _SOME_ILL_EXPOSED, _MOST_ILL_EXPOSED)
    if flicker > _FLICKER and verdict is Grade.OK:
        verdict = Grade.WARN
    return CheckResult("exposure", verdict, _exposure_sentence(numbers), _exposure_advice(numbers), numbers)


def check_changes(sample: PictureSample, steps: Steps) -> CheckResult:
    """Check for repeated pictures, and for parts of the view that never change although the camera moves.

    Without poses and odometry, the check assumes that the camera moves all the time.
    """
    rows = sample.neighbours
    differences = np.abs(sample.thumbnails[rows + 1] - sample.thumbnails[rows]).mean(axis=(1, 2))
    unknown = np.ones(len(steps.known), dtype=np.bool_)
    moves, large = (steps.moving, steps.large) if steps.known.any() else (unknown, unknown)
    same, pairs = differences < _SAME, sample.positions[rows]
    repeated_share = float((same & large[pairs]).mean()) if len(same) else 0.0
    frozen_share = float(same[moves[pairs]].mean()) if moves[pairs].any() else 0.0
    if frozen_share > _MOST_REPEATED:  # small steps count, too: a slow robot with a fast camera
        repeated_share = frozen_share
    moving = np.append(moves, False)[sample.positions]
    enough = moving.sum() >= 8
    still = float((sample.thumbnails[moving].std(axis=0) < _STILL).mean()) if enough else float("nan")
    numbers = {"pairs": len(rows), "repeated_share": repeated_share, "unchanging_view_share": still}
    parts, advice = [], []
    if repeated_share > _SOME_REPEATED:
        parts.append(f"{repeated_share:.0%} of the pictures repeat the one before although the robot moves")
        advice.append("Restart the camera's driver: it sends old frames with new stamps.")
    if still > _STILL_SHARE:
        parts.append(f"{still:.0%} of the view never changes")
        advice.append("Clean the lens, and move the camera so that the robot itself is not in its view.")
    if not parts:
        return CheckResult("changes", Grade.OK, "pictures change as the robot moves", "", numbers)
    return CheckResult("changes", Grade.WARN, "; ".join(parts), " ".join(advice), numbers)


def _graded(share: float, some: float, most: float) -> Grade:
    return Grade.FAIL if share > most else Grade.WARN if share > some else Grade.OK


def _flicker(sample: PictureSample) -> float:
    rows = sample.neighbours
    if len(rows) < 4:
        return float("nan")
    changes = sample.brightness[rows + 1] - sample.brightness[rows]
    # Robust standard deviation: one passage from shade to sun is no flicker.
    return float(1.4826 * np.median(np.abs(changes)))


def _exposure_sentence(n: dict[str, float]) -> str:
    named = (("dark", "dark_share"), ("overexposed", "overexposed_share"), ("nearly constant", "constant_share"))
    found = [f"{n[key]:.0%} {name}" for name, key in named if n[key] > 0.0]
    text = f"mean brightness {n['brightness_median']:.0f} of 255, " + (
        ", ".join(found) or "none too dark or too bright"
    )
    return text + (f"; flicker of {n['flicker_grey_values']:.0f}" if n["flicker_grey_values"] > _FLICKER else "")


def _exposure_advice(n: dict[str, float]) -> str:
    advice = []
    if n["constant_share"] > _SOME_ILL_EXPOSED:
        advice.append("Take the cap off the lens and see that the camera delivers pictures.")
    if n["dark_share"] > _SOME_ILL_EXPOSED:
        advice.append("Switch on light, or let the camera expose automatically.")
    if n["overexposed_share"] > _SOME_ILL_EXPOSED:
        advice.append("Expose shorter: the brightest parts are white.")
    if n["flicker_grey_values"] > _FLICKER:
        advice.append("Set the camera to the mains frequency (50 or 60 Hz), or fix its exposure.")
    return " ".join(advice)
