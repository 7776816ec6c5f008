"""The keypoint loss of the training: one that still pulls where a keypoint is far from the truth.

Ultralytics' loss, 1 - exp(-e) with COCO's normalised squared distance e, has no gradient where a
keypoint is several sigmas away. That is the raised hand whose wrist the network puts on the desk.
Cauchy's loss, log(1 + e), has one at any distance (Barron, 2019, A General and Adaptive
Robust Loss Function); it is added, and the arms of people who raise a hand weigh more.
"""

from typing import Final

import torch
from torch import nn

FAR_WEIGHT: Final = 0.2
"""Of Cauchy's loss."""

RAISED_ARM_WEIGHT: Final = 3.0
"""Of the elbow and wrist of an arm whose wrist is above its shoulder in the picture."""

_ARMS: Final = ((5, 7, 9), (6, 8, 10))
"""Shoulder, elbow, wrist."""


class FarKeypointLoss(nn.Module):
    """Takes the place of Ultralytics' `KeypointLoss`.

    Args:
        sigmas: (17,) COCO's standard deviation of each keypoint, relative to the person's size.
    """

    def __init__(self, sigmas: torch.Tensor) -> None:
        super().__init__()
        self._sigmas = sigmas

    def forward(
        self,
        predicted: torch.Tensor,
        true: torch.Tensor,
        is_labelled: torch.Tensor,
        area: torch.Tensor,
    ) -> torch.Tensor:
        """Return the loss of n people, a scalar.

        Args:
            predicted: (n, 17, 3) x, y in cells of the grid, and the score's logit.
            true: (n, 17, 3) x, y in cells, and COCO's visibility.
            is_labelled: (n, 17) bool.
            area: (n, 1) of the people's boxes, in cells.
        """
        squared = (predicted[..., :2] - true[..., :2]).pow(2).sum(dim=-1)
        error = squared / ((2 * self._sigmas).pow(2) * (area + 1e-9) * 2)
        loss = (1 - torch.exp(-error)) + FAR_WEIGHT * torch.log1p(error)
        weights = raised_arm_weights(true) * is_labelled
        per_person = is_labelled.shape[1] / (is_labelled.sum(dim=1, keepdim=True) + 1e-9)
        return (per_person * loss * weights).mean()


def raised_arm_weights(true: torch.Tensor) -> torch.Tensor:
    """Return (n, 17) weights of keypoints (n, 17, 3): x, y downwards, visibility."""
    weights = torch.ones_like(true[..., 0])
    for shoulder, elbow, wrist in _ARMS:
        is_known = (true[:, [shoulder, wrist], 2] > 0).all(dim=1)
        is_raised = is_known & (true[:, wrist, 1] < true[:, shoulder, 1])
        for joint in (elbow, wrist):
            weights[:, joint] = torch.where(is_raised, RAISED_ARM_WEIGHT, 1.0)
    return weights
