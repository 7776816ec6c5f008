"""People found in one frame, and the mapping between frame and network input.

`People` contains no identity: boxes, keypoints and scores, in the frame's own pixels (R2).
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

BgrImage = npt.NDArray[np.uint8]
"""An image: (height, width, 3) uint8, BGR, 0 to 255."""

FloatArray = npt.NDArray[np.float32]

KEYPOINTS: Final = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
"""The 17 keypoints in COCO's order (Lin et al., 2014)."""

NMS_IOU_THRESHOLD: Final = 0.7
"""Overlap above which two boxes are one person: Ultralytics' default."""

PAD_GREY: Final = 114
STRIDE: Final = 32
"""Width and height of the network's input are multiples of this."""


@dataclass(frozen=True, slots=True)
class People:
    """The bodies of one frame, in that frame's pixels, by descending score.

    Attributes:
        boxes: (n, 4) float32: left, top, right, bottom.
        scores: (n,) float32, 0 to 1.
        keypoints: (n, 17, 3) float32: x, y, and a score from 0 to 1.
    """

    boxes: FloatArray
    scores: FloatArray
    keypoints: FloatArray

    def __len__(self) -> int:
        """Return the number of people."""
        return len(self.scores)

    def select(self, mask: npt.NDArray[np.bool_]) -> "People":
        """Return the people for which a mask (n,) is true."""
        return People(self.boxes[mask], self.scores[mask], self.keypoints[mask])

    @staticmethod
    def empty() -> "People":
        """Return no people."""
        return People(
            np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 17, 3), np.float32)
        )


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Placement of a frame in the network's input: scaled, centred, with a grey border.

    Same as Ultralytics' `LetterBox(auto=True, scaleup=False)`.
    """

    width: int
    height: int
    scale: float
    left: int
    top: int
    inner_width: int
    inner_height: int

    @staticmethod
    def of(frame_height: int, frame_width: int, input_size: int) -> "Letterbox":
        """Return the placement of a frame whose longer side becomes at most `input_size` pixels.

        A smaller frame keeps its size: enlarged, people in it are found less well.
        """
        scale = min(1.0, input_size / max(frame_height, frame_width))
        inner_width = max(1, round(frame_width * scale))
        inner_height = max(1, round(frame_height * scale))
        pad_x, pad_y = (-inner_width) % STRIDE, (-inner_height) % STRIDE
        return Letterbox(
            width=inner_width + pad_x,
            height=inner_height + pad_y,
            scale=scale,
            left=round(pad_x / 2 - 0.1),
            top=round(pad_y / 2 - 0.1),
            inner_width=inner_width,
            inner_height=inner_height,
        )

    def place(self, frame: BgrImage, canvas: BgrImage) -> None:
        """Write a frame into a grey canvas (height, width, 3)."""
        inner = frame
        if frame.shape[:2] != (self.inner_height, self.inner_width):
            size = (self.inner_width, self.inner_height)
            inner = cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR)
        canvas[
            self.top : self.top + self.inner_height, self.left : self.left + self.inner_width
        ] = inner

    def new_canvases(self, count: int) -> BgrImage:
        """Return grey input for `count` frames: (count, height, width, 3)."""
        return np.full((count, self.height, self.width, 3), PAD_GREY, np.uint8)


def decode_output(
    output: FloatArray, letterbox: Letterbox, frame_shape: tuple[int, int], confidence: float
) -> People:
    """Decode the network's raw output for one frame.

    Args:
        output: (56, anchors) float32: box centre and size, score, 17 keypoints (x, y, score),
            in pixels of the network's input (Ultralytics' YOLO11 pose head).
        letterbox: Placement of the frame.
        frame_shape: (height, width) of the frame.
        confidence: Lowest score of a person.
    """
    candidates = output[:, output[4] > confidence].T
    if not len(candidates):
        return People.empty()
    centres, sizes, scores = candidates[:, :2], candidates[:, 2:4], candidates[:, 4]
    corners = np.concatenate([centres - sizes / 2, sizes], axis=1)
    kept = np.asarray(
        cv2.dnn.NMSBoxes(corners.tolist(), scores.tolist(), confidence, NMS_IOU_THRESHOLD),
        dtype=np.intp,
    )
    candidates = candidates[kept]
    centres, sizes = candidates[:, :2], candidates[:, 2:4]
    boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)
    keypoints = candidates[:, 5:].reshape(-1, len(KEYPOINTS), 3).copy()
    shift = np.array([letterbox.left, letterbox.top], np.float32)
    boxes = (boxes - np.tile(shift, 2)) / letterbox.scale
    keypoints[..., :2] = (keypoints[..., :2] - shift) / letterbox.scale
    limit = np.array([frame_shape[1], frame_shape[0]], np.float32)
    return People(
        boxes=np.clip(boxes, 0, np.tile(limit, 2)).astype(np.float32),
        scores=candidates[:, 4].astype(np.float32),
        keypoints=_clip(keypoints, limit),
    )


def _clip(keypoints: FloatArray, limit: FloatArray) -> FloatArray:
    keypoints[..., :2] = np.clip(keypoints[..., :2], 0, limit)
    return keypoints.astype(np.float32)
