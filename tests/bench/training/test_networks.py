"""Weights files of the pose network: averaged, written, and trained on from where a run stopped."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from bench.training import average_pose, train_pose
from bench.training.network_file import read_network
from cluster.vision.people import KEYPOINTS
from cluster.vision.pose.weights import CLASSROOM_POSE, find_packaged_weights


def state(path: str | Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = read_network(str(path)).state_dict()
    return weights


def test_an_average_lies_between_its_networks(tmp_path: Path) -> None:
    ours = find_packaged_weights(CLASSROOM_POSE)
    average_pose.main(["official", str(ours), "0.25", str(tmp_path / "mean.pt")])

    old, new, mean = state("official"), state(str(ours)), state(tmp_path / "mean.pt")
    name = "model.23.cv4.0.0.conv.weight"
    assert not torch.equal(old[name], new[name])
    torch.testing.assert_close(mean[name], 0.75 * old[name] + 0.25 * new[name], atol=1e-3, rtol=0)


@pytest.mark.slow
def test_training_changes_the_last_layers_alone_and_its_file_can_be_trained_on(
    tmp_path: Path,
) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    keypoints = " ".join(["0.5 0.5 2"] * len(KEYPOINTS))
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 255, (180, 320, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "images" / f"{number}.jpg"), noise)
        (tmp_path / "labels" / f"{number}.txt").write_text(f"0 0.5 0.5 0.2 0.6 {keypoints}\n")
    first, second = tmp_path / "first.pt", tmp_path / "second.pt"

    for start, out in (("official", first), (str(first), second)):
        train_pose.main(
            [str(tmp_path), f"--start={start}", f"--out={out}", "--seconds=8", "--rate=0.01"]
        )

    old, new = state("official"), state(second)
    torch.testing.assert_close(new["model.0.conv.weight"], old["model.0.conv.weight"])
    name = "model.23.cv4.0.0.conv.weight"
    assert not torch.equal(state(first)[name], old[name])
    assert not torch.equal(new[name], state(first)[name])


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no pictures"):
        train_pose.main([str(tmp_path), "--out=x.pt", "--seconds=1"])
