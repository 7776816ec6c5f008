"""Who stands in a zone of the picture, such as the teacher's."""

import cv2
import numpy as np
import numpy.typing as npt

from cluster.settings import Polygon
from cluster.vision.people import People


def is_in_zone(people: People, zone: Polygon, frame_size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Return (n,) whether the middle of each person's lower edge is in the zone."""
    corners = (np.asarray(zone) * frame_size).astype(np.float32)
    feet = np.stack([(people.boxes[:, 0] + people.boxes[:, 2]) / 2, people.boxes[:, 3]], axis=1)
    inside = [cv2.pointPolygonTest(corners, (float(x), float(y)), False) >= 0 for x, y in feet]
    return np.asarray(inside, np.bool_)
