"""Direct alignment of two frames: odometry refined until the images agree. Ours, not the paper's.

The warping layer already says where each pixel of the current frame was in the previous one, from predicted depth and
predicted motion. If both were right, the two images would agree there; Gauss-Newton moves the motion until they do, as
in direct RGB-D odometry (Kerl et al., Robust Odometry Estimation for RGB-D Cameras, ICRA 2013), with the regressed
motion as start and as prior. Both frames are warped onto each other, so that errors of their depths weigh half.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from localization_common.geometry import quaternions
from vlocnet_ros.network.pyramid import PyramidLevel, level_intrinsics, pyramid

#: Differences of grey value (0..1) well beyond this hardly count (Cauchy): occlusion, gloss, whatever moves.
RESIDUAL = 0.03
#: Nearer points than this (metres) to the other image plane do not project to anything useful.
NEAR = 0.05
#: Beyond this many standard deviations of the regressed motion the alignment has run away, and is not taken.
GATE = 6.0


class DirectAlignment(nn.Module):
    """Gauss-Newton on grey values, from coarse to fine.

    Args:
        iterations: at full resolution, at half, at a quarter, ...

    Attributes:
        prior_std: (6,) buffer, standard deviation of the regressed motion, x y z in metres and rX rY rZ in radians
            about the previous optical frame's axes; the training command measures it.
    """

    prior_std: Tensor

    def __init__(self, iterations: tuple[int, ...]) -> None:
        super().__init__()
        self.iterations = iterations
        self.register_buffer("prior_std", torch.tensor([0.03, 0.03, 0.03, 0.02, 0.02, 0.02]))

    def view(self, grey: Tensor, depth: Tensor, intrinsics: Tensor) -> tuple[PyramidLevel, ...]:
        """What `forward` wants of a frame: see `pyramid`."""
        with torch.autocast(grey.device.type, enabled=False):
            return pyramid(grey, depth, intrinsics, len(self.iterations))

    def forward(
        self,
        current: tuple[PyramidLevel, ...],
        previous: tuple[PyramidLevel, ...],
        translation: Tensor,
        quaternion: Tensor,
        intrinsics: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Refined pose of the current camera in the previous optical frame.

        Args:
            current, previous: the two frames, B of each.
            translation, quaternion: (B, 3) metres and (B, 4) unit, the regressed motion.
            intrinsics: (4,) fx, fy, cx, cy of the full resolution, pixel centres at integers.

        Returns:
            (B, 3) and (B, 4) likewise; the regressed motion where the alignment ran away from it.
        """
        with torch.autocast(translation.device.type, enabled=False):
            start_t, start_q = translation.float(), quaternion.float()
            start = motion = torch.cat([quaternions.to_matrix(start_q), start_t[..., None]], dim=2)
            for level in reversed(range(len(self.iterations))):
                scene = WarpedPair.of(current[level], previous[level], intrinsics.float(), level)
                offset: Tensor | None = None
                for _ in range(self.iterations[level]):
                    equations, offset = scene.equations(motion, offset)
                    motion = self._step(motion, start, equations)
            t, q = motion[..., 3], quaternions.nearer_sign(quaternions.from_matrix(motion[..., :3]), start_q)
            turn = quaternions.multiply(q, quaternions.conjugate(start_q))
            moved = torch.cat([t - start_t, 2.0 * turn[:, 1:]], dim=1) / self.prior_std
            near = (moved.square().mean(-1, keepdim=True) < GATE**2) & torch.isfinite(moved).all(-1, keepdim=True)
            return torch.where(near, t, start_t), torch.where(near, q, start_q)

    def _step(self, motion: Tensor, start: Tensor, equations: Tensor) -> Tensor:
        """Motion (B, 3, 4) after a Gauss-Newton step: equations (B, 6, 7) of the images, and the prior about start."""
        information = self.prior_std**-2
        turned = 0.5 * torch.linalg.cross(start[..., :3], motion[..., :3], dim=1).sum(2)  # a small rotation vector
        difference = torch.cat([motion[..., 3] - start[..., 3], turned], dim=1)
        normal = equations[..., :6] + torch.diag(information)
        gradient = equations[..., 6] + difference * information
        step = -solve(normal, gradient[..., None])
        shift, turn = step[:, :3], step[:, 3:]
        turn = turn / turn.norm(dim=1, keepdim=True).clamp_min(1.0)  # a radian at most
        # rotates by the quaternion (1, turn / 2), made a unit one
        across = torch.linalg.cross(turn.expand_as(motion), motion, dim=1)
        rotated = across + 0.5 * torch.linalg.cross(turn.expand_as(motion), across, dim=1)
        moved = motion + rotated / (1.0 + 0.25 * turn.square().sum(1, keepdim=True))
        return torch.cat([moved[..., :3], moved[..., 3:] + shift], dim=2)


class WarpedPair(NamedTuple):
    """Both frames at one resolution, twice: current warped onto previous, then previous onto current.

    Attributes:
        own: (2B, 3, N) grey value and its gradients of the frame whose pixels are followed.
        other: (2B, 3, H, W) likewise of the frame that they are looked up in.
        points: (2B, 4, N) the pixels as homogeneous points in their own optical frame, metres.
        usable: (2B, 1, N) one, or zero at edges of depth.
        focal: (2, 1) focal lengths in pixels of this resolution.
        scale, shift: (2, 1) from x / z, y / z to -1..1 from border to border.
        border: (2, 1) of the outermost pixels' centres, likewise.
    """

    own: Tensor
    other: Tensor
    points: Tensor
    usable: Tensor
    focal: Tensor
    scale: Tensor
    shift: Tensor
    border: Tensor

    @classmethod
    def of(cls, current: PyramidLevel, previous: PyramidLevel, intrinsics: Tensor, level: int) -> WarpedPair:
        focal, centre = level_intrinsics(intrinsics, level)
        height, width = current.picture.shape[-2:]
        size = torch.cat([torch.full_like(focal[:1], width), torch.full_like(focal[:1], height)])
        return cls(
            own=torch.cat([current.own, previous.own]),
            other=torch.cat([previous.picture, current.picture]),
            points=torch.cat([current.points, previous.points]),
            usable=torch.cat([current.usable, previous.usable]),
            focal=focal,
            scale=2.0 * focal / size,
            shift=(2.0 * centre + 1.0) / size - 1.0,
            border=1.0 - 1.0 / size,
        )

    def equations(self, motion: Tensor, offset: Tensor | None) -> tuple[Tensor, Tensor]:
        """Normal equations of the grey-value residuals at a motion; a common offset (exposure) is taken out of them.

        Args:
            motion: (B, 3, 4) pose of the current camera in the previous frame.
            offset: (2B, 1, 1) grey value, of the step before; None at first.

        Returns:
            (B, 6, 7) matrix and gradient for a motion applied on the left, and the offset (2B, 1, 1).
        """
        jacobian, residual, weight, offset = self.linearise(motion, offset)
        rows = torch.cat([jacobian, residual, torch.ones_like(residual)], dim=1)
        products = (rows * weight) @ rows.transpose(1, 2)
        # The offset is an unknown of each warp, eliminated (Schur complement).
        last = products[:, 7:] / products[:, 7:, 7:].clamp_min(1e-6)
        reduced = products[:, :6, :7] - products[:, :6, 7:] @ last[..., :7]
        forth, back = reduced.chunk(2)
        return forth + back, last[..., 6:7]

    def linearise(self, motion: Tensor, offset: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Grey-value residuals at a motion, as in `equations`.

        Returns:
            Jacobian (2B, 6, N) of the residuals, residuals (2B, 1, N), weights (2B, 1, N) and the offset that these
            weights are about.
        """
        batch = len(motion)
        rotation, translation = motion[..., :3], motion[..., 3:]
        inverse = rotation.transpose(1, 2)
        back = torch.cat([inverse, -(inverse @ translation)], dim=2)
        moved = torch.cat([motion, back]) @ self.points
        nearness = 1.0 / moved[:, 2:].clamp_min(NEAR)
        grid = moved[:, :2] * nearness * self.scale + self.shift
        inside = (grid.abs() < self.border).all(1, keepdim=True) & (moved[:, 2:] > NEAR)
        there = functional.grid_sample(
            self.other, grid.transpose(1, 2)[:, None], mode="bilinear", padding_mode="border", align_corners=False
        )[:, :, 0]
        seen = inside * self.usable
        residual = there[:, :1] - self.own[:, :1]
        if offset is None:
            offset = (residual * seen).sum(2, keepdim=True) / seen.sum(2, keepdim=True).clamp_min(1e-6)
        weight = seen / (RESIDUAL**2 + (residual - offset).square())
        # the mean of both frames' gradients converges in fewer steps (Malis 2004)
        slope = (there[:, 1:] + self.own[:, 1:]) * (0.5 * self.focal) * nearness
        along = -(slope * moved[:, :2]).sum(1, keepdim=True) * nearness
        gradient = torch.cat([slope, along], dim=1)
        # The other way round, a motion xi of ours moves a point p by the inverse rotation of -xi at p itself.
        gradient = torch.cat([gradient[:batch], -(rotation @ gradient[batch:])])
        arm = torch.cat([moved[:batch], self.points[batch:, :3]])
        jacobian = torch.cat([gradient, torch.linalg.cross(arm, gradient, dim=1)], dim=1)
        return jacobian, residual, weight, offset


def solve(matrix: Tensor, right: Tensor) -> Tensor:
    """Solution (B, 6, 1) of symmetric, positive definite equations (B, 6, 6), (B, 6, 1), by blocks of three.

    Plain products only: on a CPU no slower than a library's factorisation of something so small, on a GPU without its
    wait for an error code, and ONNX has no factorisation at all.
    """
    upper, corner, lower = matrix[:, :3, :3], matrix[:, :3, 3:], matrix[:, 3:, 3:]
    inverse = _inverse(upper)
    left = corner.transpose(1, 2) @ inverse
    second = _inverse(lower - left @ corner) @ (right[:, 3:] - left @ right[:, :3])
    return torch.cat([inverse @ (right[:, :3] - corner @ second), second], dim=1)


def _inverse(matrix: Tensor) -> Tensor:
    """Inverses (B, 3, 3) of symmetric matrices: cross products of the columns, over the determinant."""
    a, b, c = matrix.chunk(3, dim=2)
    adjugate = torch.linalg.cross(torch.cat([b, c, a], dim=2), torch.cat([c, a, b], dim=2), dim=1)
    return adjugate / (a * adjugate[..., :1]).sum(1, keepdim=True)
