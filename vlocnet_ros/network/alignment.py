"""Direct alignment of two frames: refine the odometry until the images agree. An addition to the paper.

The warping layer computes the position of each current pixel in the previous frame, from predicted depth and predicted
motion. With the correct depth and motion, the two images agree there. Gauss-Newton changes the motion until they do, as
in direct RGB-D odometry (Kerl et al., Robust Odometry Estimation for RGB-D Cameras, ICRA 2013). The regressed motion is
the start and the prior. Both frames are warped onto each other, so errors of each depth have half the weight.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from localization_common.geometry import quaternions
from vlocnet_ros.network.pyramid import PyramidLevel, level_intrinsics, pyramid

#: Differences of grey value (0..1) far above this have little weight (Cauchy): occlusion, gloss, moving objects.
RESIDUAL = 0.03
#: Smallest distance in metres from the other image plane at which a point is projected.
NEAR = 0.05
#: Largest distance from the regressed motion, in standard deviations; an alignment beyond it has diverged.
GATE = 6.0


class DirectAlignment(nn.Module):
    """Gauss-Newton on grey values, from coarse to fine.

    Args:
        iterations: number of iterations at full resolution, at half, at a quarter, ...

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
        """Image pyramid of a frame, the input of `forward`."""
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
        """Refine the pose of the current camera in the previous optical frame.

        Args:
            current, previous: pyramids of B frames each.
            translation, quaternion: regressed motion, (B, 3) metres and (B, 4) unit.
            intrinsics: (4,) fx, fy, cx, cy of the full resolution, pixel centres at integers.

        Returns:
            Translation (B, 3) and quaternion (B, 4); the regressed motion where the alignment diverged.
        """
        with torch.autocast(translation.device.type, enabled=False):
            start_t, start_q = translation.float(), quaternion.float()
            start = motion = torch.cat([quaternions.to_matrix(start_q), start_t[..., None]], dim=2)
            for level in reversed(range(len(self.iterations))):
                pair = WarpedPair.of(current[level], previous[level], intrinsics.float(), level)
                offset: Tensor | None = None
                for _ in range(self.iterations[level]):
                    equations, offset = pair.equations(motion, offset)
                    motion = self._step(motion, start, equations)
            t, q = motion[..., 3], quaternions.nearer_sign(quaternions.from_matrix(motion[..., :3]), start_q)
            turn = quaternions.multiply(q, quaternions.conjugate(start_q))
            moved = torch.cat([t - start_t, 2.0 * turn[:, 1:]], dim=1) / self.prior_std
            near = (moved.square().mean(-1, keepdim=True) < GATE**2) & torch.isfinite(moved).all(-1, keepdim=True)
            return torch.where(near, t, start_t), torch.where(near, q, start_q)

    def _step(self, motion: Tensor, start: Tensor, equations: Tensor) -> Tensor:
        """Return the motion (B, 3, 4) after a Gauss-Newton step with the images' equations (B, 6, 7) and the prior."""
        information = self.prior_std**-2
        turned = 0.5 * torch.linalg.cross(start[..., :3], motion[..., :3], dim=1).sum(2)  # a small rotation vector
        difference = torch.cat([motion[..., 3] - start[..., 3], turned], dim=1)
        normal = equations[..., :6] + torch.diag(information)
        gradient = equations[..., 6] + difference * information
        step = -solve(normal, gradient[..., None])
        shift, turn = step[:, :3], step[:, 3:]
        turn = turn / turn.norm(dim=1, keepdim=True).clamp_min(1.0)  # at most one radian
        # rotates by the normalised quaternion (1, turn / 2)
        across = torch.linalg.cross(turn.expand_as(motion), motion, dim=1)
        rotated = across + 0.5 * torch.linalg.cross(turn.expand_as(motion), across, dim=1)
        moved = motion + rotated / (1.0 + 0.25 * turn.square().sum(1, keepdim=True))
        return torch.cat([moved[..., :3], moved[..., 3:] + shift], dim=2)


class WarpedPair(NamedTuple):
    """Both frames at one resolution, twice: current warped onto previous, then previous onto current.

    Attributes:
        own: (2B, 3, N) grey value and its gradients, of the frame whose pixels are tracked.
        other: (2B, 3, H, W) grey value and its gradients, of the frame into which they are projected.
        points: (2B, 4, N) homogeneous points of the pixels in their own optical frame, metres.
        usable: (2B, 1, N) 1, or 0 at edges of depth.
        focal: (2, 1) focal lengths in pixels of this resolution.
        scale, shift: (2, 1) factors from x / z, y / z to -1..1 from border to border.
        border: (2, 1) coordinates of the outermost pixels' centres, -1..1.
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
        """Pair of two frames at one level of their pyramids."""
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
        """Return the normal equations of the grey-value residuals at a motion, without a common offset (exposure).

        Args:
            motion: (B, 3, 4) pose of the current camera in the previous frame.
            offset: (2B, 1, 1) offset of the grey values from the previous step; None in the first step.

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
        """Linearise the grey-value residuals at a motion; arguments as in `equations`.

        Returns:
            Jacobian (2B, 6, N) of the residuals, residuals (2B, 1, N), weights (2B, 1, N), and the offset with which
            the weights were computed.
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
        # In the opposite direction, a motion xi moves a point p by the inverse rotation of -xi at p.
        gradient = torch.cat([gradient[:batch], -(rotation @ gradient[batch:])])
        arm = torch.cat([moved[:batch], self.points[batch:, :3]])
        jacobian = torch.cat([gradient, torch.linalg.cross(arm, gradient, dim=1)], dim=1)
        return jacobian, residual, weight, offset


def solve(matrix: Tensor, right: Tensor) -> Tensor:
    """Solve symmetric, positive definite equations (B, 6, 6), (B, 6, 1) by blocks of three; return (B, 6, 1).

    Uses products only. On a CPU they are as fast as a library's factorisation of such small matrices; on a GPU they do
    not wait for an error code; ONNX has no factorisation.
    """
    upper, corner, lower = matrix[:, :3, :3], matrix[:, :3, 3:], matrix[:, 3:, 3:]
    inverse = _inverse(upper)
    left = corner.transpose(1, 2) @ inverse
    second = _inverse(lower - left @ corner) @ (right[:, 3:] - left @ right[:, :3])
    return torch.cat([inverse @ (right[:, :3] - corner @ second), second], dim=1)


def _inverse(matrix: Tensor) -> Tensor:
    """Invert symmetric matrices (B, 3, 3): cross products of the columns, divided by the determinant."""
    a, b, c = matrix.chunk(3, dim=2)
    adjugate = torch.linalg.cross(torch.cat([b, c, a], dim=2), torch.cat([c, a, b], dim=2), dim=1)
    return adjugate / (a * adjugate[..., :1]).sum(1, keepdim=True)
