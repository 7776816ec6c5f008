"""The naive loop, as Ultralytics' documentation has it.

python -m bench.naive VIDEO STRIDE
"""

import sys

import cluster  # noqa: F401 (switches reports off)


def main(video: str, stride: str) -> None:
    """Run it, and print how many frames it gave."""
    from ultralytics import YOLO

    from cluster.vision.pose.weights import CLASSROOM_POSE, find_packaged_weights

    model = YOLO(find_packaged_weights(CLASSROOM_POSE))
    frames = sum(1 for _ in model(video, stream=True, vid_stride=int(stride), verbose=False))
    print(frames)


if __name__ == "__main__":
    main(*sys.argv[1:])
