"""Bodies at rest, from the package `anny`: kept in a file, as everything later needs only that.

Anny (Apache-2.0; its data CC0) makes a body from a few numbers such as age and weight. What is
kept of it is what posing needs: a coarse mesh, the bones that can be turned here, the weights of
linear blend skinning, and COCO's keypoints as sums over bones, exact for the full mesh.
"""

import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import platformdirs

from bench.classroom.geometry import Array, Faces
from cluster.vision.people import KEYPOINTS

VERSION: Final = 2
COUNT: Final = 192
SEED: Final = 15
TOPOLOGY: Final = "notoes_collapse10pc"
"""Anny's mesh of 1,229 vertices without toes."""

SIDES: Final = ("L", "R")
TURNED: Final = (
    "root",
    *(f"spine{number:02d}" for number in range(5, 0, -1)),
    "neck01",
    "head",
    *(
        f"{bone}.{side}"
        for side in SIDES
        for bone in (
            *("upperleg01", "lowerleg01", "foot", "clavicle", "upperarm01", "upperarm02"),
            *("lowerarm01", "lowerarm02", "wrist"),
            *(f"finger{finger}-{joint}" for finger in range(1, 6) for joint in range(1, 4)),
        )
    ),
)
"""Bones that can be turned; the others follow the nearest one above."""

PHENOTYPE: Final = ("gender", "age", "muscle", "weight", "height", "proportions")
AGES: Final = ((0.22, 0.36), (0.36, 0.50), (0.50, 0.66), (0.66, 0.90))
"""Anny's ages: small children, pupils, youths and young adults, older adults."""
AGE_SHARES: Final = (0.2, 0.28, 0.32, 0.2)


@dataclass(frozen=True, slots=True)
class Bodies:
    """Bodies at rest, all of one mesh.

    Attributes:
        bones: Names of the bones, a parent before its children.
        parents: (bones,) number of the parent; −1 for the root.
        faces: Triangles.
        weights: (vertices, bones) float32 of linear blend skinning.
        part: (vertices,) see `Part`.
        mean: (vertices, 3) float32, an average body at rest: where colours and clothes are placed.
        numbers: (bodies, 6) what Anny made each from, see `PHENOTYPE`.
        vertices: (bodies, vertices, 3) float32 at rest.
        heads: (bodies, bones, 3) where a bone begins.
        tails: (bodies, bones, 3) where it ends.
        keypoints: (bodies, 17, bones, 4) float32: a keypoint is the sum over bones of its
            transform (3, 4) times this.
        skull: (bodies, 2, 3) crown and chin at rest.
    """

    bones: tuple[str, ...]
    parents: npt.NDArray[np.int64]
    faces: Faces
    weights: npt.NDArray[np.float32]
    part: npt.NDArray[np.uint8]
    mean: npt.NDArray[np.float32]
    numbers: Array
    vertices: npt.NDArray[np.float32]
    heads: Array
    tails: Array
    keypoints: npt.NDArray[np.float32]
    skull: Array

    def __len__(self) -> int:
        """Return the number of bodies."""
        return len(self.numbers)

    @property
    def ages(self) -> Array:
        """Anny's age of each (bodies,), 0 (new-born) to 1 (old)."""
        return np.asarray(self.numbers[:, PHENOTYPE.index("age")])

    @property
    def phenotypes(self) -> list[dict[str, float]]:
        """The numbers of each by name."""
        return [dict(zip(PHENOTYPE, row, strict=True)) for row in self.numbers.tolist()]


PARTS: Final = {
    "head": 0,
    "torso": 1,
    "arm": 2,
    "hand": 3,
    "leg": 4,
    "foot": 5,
    "neck": 6,
}
"""Parts of the mesh, told apart by the bone with the greatest weight."""
_PART_OF: Final = {
    "arm": ("upperarm", "shoulder", "lowerarm"),
    "hand": ("wrist", "finger", "metacarpal"),
    "leg": ("upperleg", "lowerleg", "pelvis"),
    "foot": ("foot", "toe"),
    "neck": ("neck",),
    "torso": ("spine", "clavicle", "breast", "root"),
}


def load_bodies(cache: Path | None = None, count: int = COUNT) -> Bodies:
    """Return the bodies, made at the first call and then read from a file.

    Args:
        cache: Folder of the file; the user's cache unless given.
        count: How many; another number makes other classes of the same seed.
    """
    folder = cache or platformdirs.user_cache_path("homeroom") / "classroom"
    path = folder / f"bodies-{VERSION}-{count}-{SEED}.npz"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Anny about PyTorch, which is not ours to mend
            fields = _make(count, np.random.default_rng(SEED))
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".npz", delete=False) as file:
            np.savez_compressed(file, allow_pickle=False, **fields)
        Path(file.name).replace(path)
    with np.load(path) as data:
        values = {name: data[name] for name in data.files}
    values["bones"] = tuple(str(name) for name in values["bones"])
    return Bodies(**values)


def _part(bone: str) -> int:
    for name, prefixes in _PART_OF.items():
        if bone.startswith(prefixes):
            return PARTS[name]
    return PARTS["head"]


def _fold(labels: list[str], parents: list[int]) -> tuple[list[int], npt.NDArray[np.int64]]:
    """Return the kept bones in Anny's order, and for each of Anny's the kept one it follows."""
    kept = [number for number, label in enumerate(labels) if label in TURNED]
    follows = np.zeros(len(labels), int)
    for number in range(len(labels)):
        follows[number] = kept.index(number) if number in kept else follows[parents[number]]
    return kept, follows


def _dense(weights: Any, indices: Any, follows: npt.NDArray[np.int64], bones: int) -> Array:
    values, columns = np.asarray(weights, float), np.asarray(indices, int)
    dense = np.zeros((len(values), bones))
    np.add.at(dense, (np.arange(len(values))[:, None], follows[columns]), values)
    return dense


def _make(count: int, rng: np.random.Generator) -> dict[str, Any]:
    import anny
    import torch

    full = anny.create_fullbody_model(skinning_method="lbs")
    coarse = anny.create_fullbody_model(topology=TOPOLOGY, skinning_method="lbs")
    labels, parents = list(full.bone_labels), [int(number) for number in full.bone_parents]
    kept, follows = _fold(labels, parents)
    regressor = anny.KeypointsRegressor.coco(full, labels=list(KEYPOINTS))
    regression = np.asarray(regressor.regression_weights, float)
    full_weights = _dense(full.vertex_bone_weights, full.vertex_bone_indices, follows, len(kept))
    used = np.flatnonzero(np.abs(regression).sum(0) > 1e-9)
    coupling = regression[:, used, None] * full_weights[None, used]

    strongest = np.asarray(coarse.vertex_bone_weights).argmax(1)
    indices = np.asarray(coarse.vertex_bone_indices)
    part = np.array(
        [_part(labels[int(row[at])]) for row, at in zip(indices, strongest, strict=True)]
    )
    mean = np.asarray(coarse.forward()["vertices"][0], np.float32)

    numbers, vertices, heads, tails, keypoints, skull = [], [], [], [], [], []
    for _ in range(count):
        low, high = AGES[int(rng.choice(len(AGES), p=AGE_SHARES))]
        lows = (0.0, low, 0.25, 0.2, 0.25, 0.25)
        highs = (1.0, high, 0.7, 0.9, 0.75, 0.75)
        row = rng.uniform(lows, highs)
        phenotype = {
            name: torch.tensor([value], dtype=torch.float64)
            for name, value in zip(PHENOTYPE, row, strict=True)
        }
        with torch.no_grad():
            rest = full.forward(phenotype_kwargs=phenotype)
            mesh = coarse.forward(phenotype_kwargs=phenotype)
        points = np.asarray(rest["rest_vertices"][0], float)[used]
        points = np.column_stack([points, np.ones(len(points))])
        body = np.asarray(mesh["rest_vertices"][0], np.float32)
        numbers.append(row)
        vertices.append(body)
        heads.append(np.asarray(rest["rest_bone_heads"][0], float)[kept])
        tails.append(np.asarray(rest["rest_bone_tails"][0], float)[kept])
        keypoints.append(np.einsum("kvb,vc->kbc", coupling, points).astype(np.float32))
        head = body[part == PARTS["head"]]
        front = head[head[:, 1] < np.quantile(head[:, 1], 0.3)]
        skull.append(np.array([head[head[:, 2].argmax()], front[front[:, 2].argmin()]], float))
    return {
        "bones": np.array([labels[number] for number in kept]),
        "parents": np.array(
            [-1 if parents[number] < 0 else follows[parents[number]] for number in kept]
        ),
        "faces": np.asarray(coarse.faces, np.int64),
        "weights": _dense(
            coarse.vertex_bone_weights, coarse.vertex_bone_indices, follows, len(kept)
        ).astype(np.float32),
        "part": part.astype(np.uint8),
        "mean": mean,
        "numbers": np.array(numbers),
        "vertices": np.array(vertices),
        "heads": np.array(heads),
        "tails": np.array(tails),
        "keypoints": np.array(keypoints),
        "skull": np.array(skull),
    }
