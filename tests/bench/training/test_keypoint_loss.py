"""The keypoint loss: arms that are far from the truth still move towards it."""

import numpy as np
import torch
from ultralytics.utils.loss import KeypointLoss
from ultralytics.utils.metrics import OKS_SIGMA

from bench.training.keypoint_loss import RAISED_ARM_WEIGHT, FarKeypointLoss, raised_arm_weights

SIGMAS = torch.from_numpy(np.asarray(OKS_SIGMA, np.float32))
AREA = torch.tensor([[50.0]])


def _person() -> torch.Tensor:
    points = torch.zeros(1, 17, 3)
    points[..., :2] = torch.arange(17).reshape(17, 1) * 0.3
    points[..., 2] = 2
    return points


def _gradient(loss: torch.nn.Module, offset: float) -> float:
    true = _person()
    predicted = true.clone()
    predicted[0, 9, 1] += offset
    predicted.requires_grad_()
    value = loss(predicted, true, true[..., 2] > 0, AREA)
    (gradient,) = torch.autograd.grad(value, predicted)
    return float(gradient[0, 9, 1])


def test_a_wrist_far_away_is_pulled_and_ultralytics_loss_leaves_it() -> None:
    assert abs(_gradient(KeypointLoss(SIGMAS), 6.0)) < 1e-6
    assert _gradient(FarKeypointLoss(SIGMAS), 6.0) > 1e-3


def test_a_keypoint_at_its_place_costs_nothing() -> None:
    true = _person()
    assert float(FarKeypointLoss(SIGMAS)(true, true, true[..., 2] > 0, AREA)) == 0


def test_unlabelled_keypoints_cost_nothing() -> None:
    true = _person()
    predicted = true.clone()
    predicted[0, 9, 1] += 6
    is_labelled = true[..., 2] > 0
    is_labelled[0, 9] = False
    assert float(FarKeypointLoss(SIGMAS)(predicted, true, is_labelled, AREA)) == 0


def test_only_an_arm_whose_wrist_is_above_its_shoulder_weighs_more() -> None:
    true = _person()
    true[0, 5, 1], true[0, 9, 1] = 4.0, 1.0
    true[0, 6, 1], true[0, 10, 1] = 4.0, 6.0
    weights = raised_arm_weights(true)[0]
    assert weights[[7, 9]].tolist() == [RAISED_ARM_WEIGHT] * 2
    assert weights[[8, 10]].tolist() == [1.0, 1.0]


def test_a_raised_wrist_that_is_not_labelled_weighs_nothing_more() -> None:
    true = _person()
    true[0, 5, 1], true[0, 9, 1], true[0, 9, 2] = 4.0, 1.0, 0.0
    assert raised_arm_weights(true).tolist() == torch.ones(1, 17).tolist()
