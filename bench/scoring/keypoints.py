"""Keypoints of matched people against the truth, in heights of the head.

Only keypoints that are seen are measured. `near` is PCKh at 0.5 (Andriluka et al., 2014): the share
within half a head's height; `usable` are those whose score the rules accept too.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from bench.classroom.truth import PersonTruth, Visibility
from bench.scoring.matching import Matching
from bench.scoring.ratios import Measures, Ratio
from cluster.vision.activity import MIN_KEYPOINT_SCORE
from cluster.vision.people import People

NEAR: Final = 0.5
MAX_DISTANCE: Final = 2.0
"""Greater distances are taken as this, so that one wild keypoint does not decide a mean."""

JOINTS: Final = {
    "head": (0, 1, 2, 3, 4),
    "shoulders": (5, 6),
    "elbows": (7, 8),
    "wrists": (9, 10),
    "hips": (11, 12),
}


def measure_keypoints(
    frames: Sequence[tuple[People, Sequence[PersonTruth], Matching]],
) -> Measures:
    """Measure the keypoints of one picture or clip.

    Args:
        frames: Found people, true people and their matching, of each frame.
    """
    sums = {group: np.zeros(4) for group in JOINTS}
    for found, true, matching in frames:
        for mine, theirs in matching.pairs:
            person = true[theirs]
            if person.head_height <= 0:
                continue
            truth = np.array(person.keypoints, np.float64)
            offsets = found.keypoints[mine, :, :2] - truth[:, :2]
            distances = np.linalg.norm(offsets, axis=1) / person.head_height
            usable = found.keypoints[mine, :, 2] >= MIN_KEYPOINT_SCORE
            for group, joints in JOINTS.items():
                seen = [joint for joint in joints if truth[joint, 2] == Visibility.SEEN]
                near = distances[seen] <= NEAR
                capped = np.minimum(distances[seen], MAX_DISTANCE)
                sums[group] += len(seen), capped.sum(), near.sum(), (near & usable[seen]).sum()
    number = max(1, len(frames))
    measures: dict[str, Ratio] = {}
    for group, total in sums.items():
        all_seen, distance, all_near, all_usable = (total / number).tolist()
        measures[f"keypoint_distance.{group}"] = Ratio(distance, all_seen)
        measures[f"keypoints_near.{group}"] = Ratio(all_near, all_seen)
        measures[f"keypoints_usable.{group}"] = Ratio(all_usable, all_seen)
    return measures
