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

#: Differences of grey value (0..1) well beyond this hardly count (Cauchy): occlusion, gloss, whatever moves.
RESIDUAL = 0.03
#: Pixels next to a larger jump of log depth are left out: predicted edges are never quite in place.
DEPTH_EDGE = 0.3
#: Nearer points than this (metres) to the other image plane do not project to anything useful.
NEAR = 0.05
#: Beyond this many standard deviations of the regressed motion the alignment has run away, and is not taken.
GATE = 6.0


#: Width and height of the blocks of which one pixel is followed, at full, half, quarter ... resolution.
BLOCK = (4, 3, 2, 2)


class View(NamedTuple):
    """What is needed of a frame: grey values (B, 1, H, W) in 0..1 and depth (B, 1, H, W) in metres."""

    grey: Tensor
    depth: Tensor


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

    def forward(
        self, current: View, previous: View, translation: Tensor, quaternion: Tensor, intrinsics: Tensor
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
            start = (translation.float(), quaternion.float())
            t, q = start
            for level in reversed(range(len(self.iterations))):
                scene = _Scene.at_level(current, previous, intrinsics.float(), level)
                offset: Tensor | None = None
                for _ in range(self.iterations[level]):
                    (t, q), offset = self._step(scene, t, q, start, offset)
            moved = _difference(t, q, *start) / self.prior_std
            near = (moved.square().mean(-1, keepdim=True) < GATE**2) & torch.isfinite(moved).all(-1, keepdim=True)
            return torch.where(near, t, start[0]), torch.where(near, q, start[1])

    def _step(
        self, scene: _Scene, t: Tensor, q: Tensor, start: tuple[Tensor, Tensor], offset: Tensor | None
    ) -> tuple[tuple[Tensor, Tensor], Tensor]:
        batch = len(t)
        back_q = quaternions.conjugate(q)
        back_t = -quaternions.rotate(back_q, t)
        jacobian, residual, weight, offset = scene.linearise(torch.cat([t, back_t]), torch.cat([q, back_q]), offset)
        # The other way round, a motion xi of ours is the motion -Ad(T^-1) xi: (R, t) is T^-1.
        forth, back = jacobian[:batch], jacobian[batch:] @ -_adjoint(back_t, back_q)
        j = torch.cat([forth, back], dim=1)
        w = torch.cat([weight[:batch], weight[batch:]], dim=1) / RESIDUAL**2
        r = torch.cat([residual[:batch], residual[batch:]], dim=1)
        weighted = (j * w[..., None]).transpose(1, 2)
        information = self.prior_std**-2
        normal = weighted @ j + torch.diag(information)
        gradient = (weighted @ r[..., None])[..., 0] + _difference(t, q, *start) * information
        step = -torch.linalg.solve(normal, gradient)
        turn = _rotation(step[:, 3:])
        moved = quaternions.rotate(turn, t) + step[:, :3]
        return (moved, quaternions.normalize(quaternions.multiply(turn, q))), offset


class _Scene(NamedTuple):
    """Both frames at one resolution, twice: current warped onto previous, then previous onto current.

    Attributes:
        own: (2B, 3, N) grey value and its gradients of the frame whose pixels are followed.
        other: (2B, 3, H, W) likewise of the frame that they are looked up in.
        points: (2B, 3, N) the pixels as points in their own optical frame, metres.
        usable: (2B, N) away from edges of depth.
        intrinsics: (4,) of this resolution.
    """

    own: Tensor
    other: Tensor
    points: Tensor
    usable: Tensor
    intrinsics: Tensor

    @classmethod
    def at_level(cls, current: View, previous: View, intrinsics: Tensor, level: int) -> _Scene:
        scale = 2**level
        grey = torch.cat([current.grey, previous.grey]).float()
        depth = torch.cat([current.depth, previous.depth]).float()
        if level:
            grey = functional.avg_pool2d(grey, scale)
            depth = 1.0 / functional.avg_pool2d(1.0 / depth, scale)  # exact on planes; edges are left out anyway
        half = (scale - 1.0) / 2.0
        k = torch.cat([intrinsics[:2], intrinsics[2:] - half]) / scale
        height, width = depth.shape[-2:]
        v, u = torch.meshgrid(
            torch.arange(height, dtype=depth.dtype, device=depth.device),
            torch.arange(width, dtype=depth.dtype, device=depth.device),
            indexing="ij",
        )
        rays = torch.stack([(u - k[2]) / k[0], (v - k[3]) / k[1], torch.ones_like(u)])
        padded = functional.pad(grey, (1, 1, 1, 1), "replicate")
        dx = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2.0
        dy = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2.0
        picture = torch.cat([grey, dx, dy], dim=1)
        log = torch.log(depth)
        jump = functional.max_pool2d(log, 3, 1, 1) + functional.max_pool2d(-log, 3, 1, 1)
        usable = jump < DEPTH_EDGE
        # Of each block the pixel that tells most: as good as all, and much faster (Engel et al. 2018).
        block = BLOCK[level]
        strength = (dx.square() + dy.square()) * usable
        chosen = functional.max_pool2d(strength, block, return_indices=True)[1].flatten(1)

        def take(values: Tensor) -> Tensor:
            values = values.flatten(2)
            return values.gather(2, chosen[:, None].expand(-1, values.shape[1], -1))

        return cls(
            own=take(picture),
            other=torch.cat(picture.chunk(2)[::-1]),
            points=take(rays * depth),
            usable=take(usable)[:, 0],
            intrinsics=k,
        )

    def linearise(self, t: Tensor, q: Tensor, offset: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Grey-value residuals at a motion. A common offset (exposure) is taken out of the Jacobian: it has no say.

        Args:
            t, q: (2B, 3), (2B, 4) from the own frame to the other.
            offset: (2B, 1) grey value, of the step before; None at first.

        Returns:
            Jacobian (2B, N, 6) of the residuals for a motion applied on the left, residuals (2B, N), weights (2B, N),
            offset (2B, 1).
        """
        fx, fy, cx, cy = self.intrinsics.unbind()
        height, width = self.other.shape[-2:]
        moved = quaternions.to_matrix(q) @ self.points + t[..., None]
        x, y, z = moved.unbind(1)
        nearness = 1.0 / z.clamp_min(NEAR)
        u, v = x * nearness * fx + cx, y * nearness * fy + cy
        inside = (u > 0.0) & (u < width - 1.0) & (v > 0.0) & (v < height - 1.0) & (z > NEAR)
        grid = torch.stack([(2.0 * u + 1.0) / width - 1.0, (2.0 * v + 1.0) / height - 1.0], dim=-1).clamp(-2.0, 2.0)
        there = functional.grid_sample(
            self.other, grid[:, None], mode="bilinear", padding_mode="border", align_corners=False
        )[:, :, 0]
        seen = (inside & self.usable).float()
        residual = there[:, 0] - self.own[:, 0]
        if offset is None:
            offset = _mean(residual, seen)
        weight = seen / (1.0 + ((residual - offset) / RESIDUAL).square())
        # the mean of both frames' gradients converges in fewer steps (Malis 2004)
        gx = 0.5 * (there[:, 1] + self.own[:, 1]) * fx * nearness
        gy = 0.5 * (there[:, 2] + self.own[:, 2]) * fy * nearness
        gz = -(gx * x + gy * y) * nearness
        jacobian = torch.stack([gx, gy, gz, gz * y - gy * z, gx * z - gz * x, gy * x - gx * y], dim=-1)
        jacobian = jacobian - _mean(jacobian, weight[..., None])
        return jacobian, residual, weight, _mean(residual, weight)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean over the pixels (dimension 1), kept as a dimension."""
    return (values * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp_min(1e-6)


def _difference(t: Tensor, q: Tensor, start_t: Tensor, start_q: Tensor) -> Tensor:
    """(B, 6) how far a motion is from its start: translation, and rotation vector (small) about the same axes."""
    turn = quaternions.multiply(q, quaternions.conjugate(start_q))
    return torch.cat([t - start_t, 2.0 * turn[:, 1:] * torch.sign(turn[:, :1])], dim=1)


def _rotation(vector: Tensor) -> Tensor:
    """Unit quaternions (B, 4) of rotation vectors (B, 3), none of them longer than a radian."""
    vector = vector * (1.0 / vector.norm(dim=-1, keepdim=True).clamp_min(1.0))
    return quaternions.normalize(torch.cat([torch.ones_like(vector[:, :1]), vector / 2.0], dim=-1))


def _adjoint(t: Tensor, q: Tensor) -> Tensor:
    """(B, 6, 6) takes motions, translation first, from the frame that is moved to the one that it is moved in."""
    rotation = quaternions.to_matrix(q)
    crossed = torch.linalg.cross(t[:, :, None].expand_as(rotation), rotation, dim=1)
    top = torch.cat([rotation, crossed], dim=2)
    return torch.cat([top, torch.cat([torch.zeros_like(rotation), rotation], dim=2)], dim=1)
