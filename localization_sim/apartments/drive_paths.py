"""Planning of drives of a differential-drive robot: smooth loops, some with turns on the spot."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from localization_common.errors import ConfigError
from localization_sim.apartments.apartment import Apartment
from localization_sim.apartments.floor_plan import FloorPlan
from localization_sim.apartments.path_planning import NoWayError, PathPlanner, Points, smooth_loop

#: Seconds between two samples of a trajectory; times between them are interpolated.
TIME_STEP = 0.02


@dataclass(frozen=True)
class DriveSettings:
    """Motion of a robot.

    Attributes:
        speed: speed on straight parts, metres per second.
        turn_rate: largest turn rate, radians per second; the robot drives more slowly in bends.
        acceleration: largest acceleration, metres per second squared.
        clearance: smallest distance from the path to walls and furniture, metres.
        length: length of the loop before the way back to its start, metres.
        look_around: number of full turns on the spot.
    """

    speed: float = 0.4
    turn_rate: float = 0.7
    acceleration: float = 0.5
    clearance: float = 0.22
    length: float = 23.0
    look_around: int = 0


@dataclass(frozen=True)
class Trajectory:
    """Planar poses of base_link over time, densely sampled.

    Attributes:
        times: times (N,), seconds from 0, evenly spaced.
        poses: poses (N, 3): x, y (metres) and heading (radians, not wrapped) in the map frame.
    """

    times: npt.NDArray[np.float64]
    poses: npt.NDArray[np.float64]

    @property
    def duration(self) -> float:
        """Seconds from start to end."""
        return float(self.times[-1])

    def at(self, times: float | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Poses (..., 3), heading not wrapped, at times (...); the robot stands before the start and after the end."""
        return np.stack([np.interp(times, self.times, self.poses[:, k]) for k in range(3)], axis=-1)


def plan_drive(apartment: Apartment, name: str, settings: DriveSettings | None = None) -> Trajectory:
    """Plan the loop of this name: equal apartments, names and settings give equal drives.

    By default, drives whose name starts with ``train`` contain one full turn on the spot, others (``val``, ``test``)
    none.

    Raises:
        ConfigError: the apartment is too narrow for a robot with this clearance.
    """
    settings = settings or DriveSettings(look_around=1 if name.startswith("train") else 0)
    random = np.random.default_rng([apartment.seed, 3, zlib.crc32(name.encode())])
    for _ in range(20):
        try:
            path = _draw_loop(apartment, random, settings)
        except NoWayError:
            continue  # the drawn places are not connected
        fine = CubicSpline(np.arange(len(path) + 1), np.concatenate([path, path[:1]]), bc_type="periodic")
        dense = fine(np.linspace(0, len(path), 20 * len(path), endpoint=False))
        if apartment.space.clearance(dense).min() >= settings.clearance:
            return drive_along(dense, random, settings)
    raise ConfigError(f"no loop with {settings.clearance} m clearance found in apartment {apartment.seed} for {name!r}")


def _draw_loop(apartment: Apartment, random: np.random.Generator, settings: DriveSettings) -> Points:
    """Draw a closed path (M, 2) over random places, a few in each room on the way; more in twin rooms."""
    comfort = float(random.uniform(0.3, 0.5))
    planner = PathPlanner(apartment.space, random, radius=settings.clearance + 0.04, comfort=comfort)
    rooms = places_by_room(apartment.plan, planner.free_cells())
    twins = apartment.plan.twins or ()
    if len(rooms) < 2 or not rooms.keys() >= set(twins):
        raise NoWayError(f"only {len(rooms)} rooms have space for a clearance of {settings.clearance} m")
    visits = dict.fromkeys(rooms, 0)
    room, pieces, length = int(random.choice(list(rooms))), [], 0.0
    first = goal = rooms[room][random.integers(len(rooms[room]))]
    while length < settings.length or any(visits[twin] < 2 for twin in twins):
        for _ in range(int(random.integers(1, 3))):
            place = rooms[room][random.integers(len(rooms[room]))]
            leg = planner.path(goal, place)
            length += float(np.linalg.norm(np.diff(leg, axis=0), axis=1).sum())
            pieces.append(leg[:-1])
            goal = place
        visits[room] += 1
        # The next room is the least visited one, so that every drive covers the whole apartment.
        others = [r for r in random.permutation(list(rooms)).tolist() if r != room]
        room = min(others, key=lambda r: visits[r])
    pieces.append(planner.path(goal, first)[:-1])
    keep = settings.clearance + 0.08
    return smooth_loop(apartment.space, np.concatenate(pieces), spacing=0.15, keep=keep)


def places_by_room(plan: FloorPlan, places: Points) -> dict[int, Points]:
    """Group places (N, 2) on the floor by the index of their room; doorways are left out."""
    found = {}
    for room in plan.rooms:
        area = room.floor
        inside = (places >= (area.min_x, area.min_y)) & (places <= (area.max_x, area.max_y))
        found[room.index] = places[inside.all(axis=1)]
    return {index: members for index, members in found.items() if len(members)}


def drive_along(path: Points, random: np.random.Generator, settings: DriveSettings) -> Trajectory:
    """Trajectory along a dense closed path (M, 2): slower in bends, standing at start and end and during turns."""
    closed = np.concatenate([path, path[:1]])
    step = np.linalg.norm(np.diff(closed, axis=0), axis=1)
    heading = np.unwrap(np.arctan2(*np.diff(closed, axis=0).T[::-1]))
    middle = closed[:-1] + np.diff(closed, axis=0) / 2
    bend = np.abs(np.gradient(heading)) / step
    stops = np.zeros(len(step), dtype=bool)
    turns = random.choice(np.arange(len(step) // 10, len(step) * 9 // 10), settings.look_around, replace=False)
    stops[[0, -1, *turns]] = True
    speed = np.where(stops, 0.05, np.minimum(settings.speed, settings.turn_rate / np.maximum(bend, 1e-6)))
    speed = _limit_acceleration(np.maximum(speed, 0.005), step, settings.acceleration)
    driving, turning = (step[1:] + step[:-1]) / (speed[1:] + speed[:-1]), np.abs(np.diff(heading)) / settings.turn_rate
    times = np.r_[0.0, np.cumsum(np.maximum(driving, turning))]
    poses = np.column_stack([middle, heading])
    for turn in sorted(turns, reverse=True):
        times, poses = _look_around(times, poses, int(turn), settings.turn_rate, float(random.choice([-1.0, 1.0])))
    even = np.arange(0.0, times[-1], TIME_STEP)
    return Trajectory(even, np.stack([np.interp(even, times, poses[:, k]) for k in range(3)], axis=1))


def _limit_acceleration(
    speed: npt.NDArray[np.float64], step: npt.NDArray[np.float64], acceleration: float
) -> npt.NDArray[np.float64]:
    speed = speed.copy()
    for order in (range(1, len(speed)), range(len(speed) - 2, -1, -1)):
        for i in order:
            before = i - 1 if order.step > 0 else i + 1
            speed[i] = min(speed[i], float(np.sqrt(speed[before] ** 2 + 2 * acceleration * step[i])))
    return speed


def _look_around(
    times: npt.NDArray[np.float64], poses: npt.NDArray[np.float64], index: int, rate: float, sign: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Insert a full turn on the spot after a sample, with a slow start and end."""
    seconds = 2 * np.pi / rate * 1.25
    share = np.linspace(0.0, 1.0, 200)[1:]
    # Trapezoidal turn rate with ramps of a fifth of the time each, so that the peak is the given rate.
    ramp = np.minimum(np.minimum(share, 1 - share) / 0.2, 1.0)
    angle = np.cumsum(ramp) / ramp.sum() * 2 * np.pi * sign
    turn = np.tile(poses[index], (len(share), 1))
    turn[:, 2] += angle
    after = poses[index + 1 :] + np.array([0.0, 0.0, 2 * np.pi * sign])
    return (
        np.r_[times[: index + 1], times[index] + share * seconds, times[index + 1 :] + seconds],
        np.concatenate([poses[: index + 1], turn, after]),
    )
