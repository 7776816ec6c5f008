"""Draws where people are, as stick figures of one posture on an empty canvas.

Never the picture (R8), and nothing of what somebody does (R2).
"""

from collections.abc import Iterator
from html import escape
from typing import Final

import numpy as np

from cluster.vision.activity import MIN_KEYPOINT_SCORE
from cluster.vision.people import People
from cluster.vision.pose.input_size import MIN_HEAD_PIXELS, estimate_head_heights

FIGURE: Final = (
    ((0.0, 0.5), (0.0, 2.2)),
    ((-0.7, 0.9), (0.7, 0.9)),
    ((0.0, 2.2), (-0.5, 3.4)),
    ((0.0, 2.2), (0.5, 3.4)),
)
"""Lines of a stick figure from the middle of its head, in heights of the head. All have the same
posture: a drawing of limbs would tell what somebody does in a seat (R2)."""

_HEAD: Final = slice(0, 5)
_STYLE: Final = (
    "line{stroke:#1f4e79;stroke-width:2;stroke-linecap:round}"
    "circle{fill:none;stroke:#1f4e79;stroke-width:2}.small line,.small circle{stroke:#b3261e}"
    "rect{fill:#fff;stroke:#999}.grid{stroke:#ddd;stroke-width:1}"
    "text{font:14px sans-serif;fill:#333}"
)


def draw_people(people: People, *, frame_size: tuple[int, int], scale: float, title: str) -> str:
    """Draw the people of one frame as SVG; those with too small heads in red.

    Args:
        people: Found in it.
        frame_size: (width, height) of the frame, in pixels.
        scale: Pixels of the network's input for one of the frame.
        title: A line above it.
    """
    width, height = frame_size
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 -28 {width} {height + 28}">',
        f"<style>{_STYLE}</style>",
        f'<text x="4" y="-9">{escape(title)}</text>',
        f'<rect x="0" y="0" width="{width}" height="{height}"/>',
        *_grid(width, height),
    ]
    heads = estimate_head_heights(people)
    for index, head in enumerate(heads):
        kind = "small" if head * scale < MIN_HEAD_PIXELS else "seen"
        lines.append(f'<g class="{kind}">')
        lines += _figure(people, index, float(head))
        lines.append("</g>")
    return "\n".join([*lines, "</svg>", ""])


def as_page(svg: str, title: str) -> str:
    """Return an HTML page that holds a drawing and nothing else."""
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">'
        f"<title>{escape(title)}</title>\n{svg}</html>\n"
    )


def _grid(width: int, height: int) -> Iterator[str]:
    for part in (1, 2):
        x, y = width * part / 3, height * part / 3
        yield f'<line class="grid" x1="{x:.0f}" y1="0" x2="{x:.0f}" y2="{height}"/>'
        yield f'<line class="grid" x1="0" y1="{y:.0f}" x2="{width}" y2="{y:.0f}"/>'


def _figure(people: People, index: int, head: float) -> Iterator[str]:
    points, scores = people.keypoints[index, _HEAD, :2], people.keypoints[index, _HEAD, 2]
    seen = scores >= MIN_KEYPOINT_SCORE
    left, top, right, _ = people.boxes[index]
    x, y = (left + right) / 2, top + head / 2
    if seen.any():
        x, y = np.mean(points[seen], axis=0)
    for (x1, y1), (x2, y2) in FIGURE:
        yield (
            f'<line x1="{x + head * x1:.1f}" y1="{y + head * y1:.1f}" '
            f'x2="{x + head * x2:.1f}" y2="{y + head * y2:.1f}"/>'
        )
    yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{head / 2:.1f}"/>'
