"""What must be known of an engine to work with its embeddings, without its network.

The live service embeds in one process and compares in another; templates are decrypted only in
the second, and only there distances are taken.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.spatial.distance import cdist

from cluster.vision.faces.base import FaceThresholds
from cluster.vision.people import Floats


@dataclass(frozen=True, slots=True)
class FaceEngineSpec:
    """An engine, in figures.

    Attributes:
        name: `dlib` or `insightface`.
        version: Network and start of its checksum.
        dimensions: Length of an embedding.
        thresholds: They go with its distances.
        chip_side: Of the chips that it compares, in pixels.
        metric: How a distance is taken; `cosine` (1 - cosine) is for embeddings of length 1.
    """

    name: str
    version: str
    dimensions: int
    thresholds: FaceThresholds
    chip_side: int
    metric: Literal["euclidean", "cosine"]

    def distances(self, embeddings: Floats, templates: Floats) -> Floats:
        """How far each embedding (n, d) is from each template (m, d): (n, m) float32."""
        if self.metric == "euclidean":
            return np.asarray(cdist(embeddings, templates), np.float32)
        return np.asarray(1 - embeddings @ templates.T, np.float32).clip(0, 2)
