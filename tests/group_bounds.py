"""What somebody who sees everything that is published can compute of a group: linear bounds.

    statements ("18% of these frames' people") -> GroupSolver -> fewest and most of a group

People are divided into atoms: those whom the same analyses (a camera, a run) see. A variable is how
many of an atom do an activity in a frame. The solver knows every frame's headcount of every atom,
which is more than anybody can.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog
from scipy.sparse import coo_array

ACTIVITIES = (
    *("hand_raised", "reading", "writing", "head_down", "standing", "unclear"),
    "sitting",
    "hand_raises",
)
"""The last is a count of events beside the others, of which each person does one."""

SUMS = {"desk_work": ("reading", "writing")}
"""What statements say of several activities together."""


@dataclass(frozen=True)
class Atom:
    """People whom the same analyses see.

    Attributes:
        analyses: Which do.
        present: How many there are in each frame.
    """

    analyses: frozenset[str]
    present: tuple[int, ...]


@dataclass(frozen=True)
class Statement:
    """low ≤ weighted sum of an activity, over frames of analyses, ≤ high."""

    activity: str
    weights: tuple[tuple[str, int, float], ...]
    low: float
    high: float


class GroupSolver:
    """Solves for groups.

    Args:
        atoms: The people.
        frames: Number of frames.
        statements: What is known.
        stays: Nobody changes what they do: the solver may use one camera's figures for another's
            time.
    """

    def __init__(
        self, atoms: Sequence[Atom], frames: int, statements: Iterable[Statement], *, stays: bool
    ) -> None:
        self._atoms = atoms
        self._frames = frames
        self._stays = stays
        self._size = len(atoms) * (1 if stays else frames) * len(ACTIVITIES)
        known = list(dict.fromkeys(statements))
        rows = [self._row(each) for each in known]
        low, high = np.array([s.low for s in known]), np.array([s.high for s in known])
        matrix = _matrix(rows, self._size)
        self._upper = coo_array(np.vstack([matrix, -matrix])) if known else None
        self._limits = np.concatenate([high, -low]) + 1e-7
        wholes, present = [], []
        for atom, frame in self._places():
            wholes.append({self._index(atom, frame, a): 1.0 for a in ACTIVITIES[:-1]})
            present.append(atoms[atom].present[frame])
        self._wholes, self._present = coo_array(_matrix(wholes, self._size)), present

    def bounds(
        self, group: Iterable[int], activity: str, frames: Sequence[int]
    ) -> tuple[float, float]:
        """Return the fewest and the most, summed over frames, that the atoms of a group can do."""
        objective = np.zeros(self._size)
        for atom, frame in product(group, frames):
            objective[self._index(atom, frame, activity)] += 1
        found = []
        for sign in (1, -1):
            solved = linprog(
                sign * objective,
                A_ub=self._upper,
                b_ub=None if self._upper is None else self._limits,
                A_eq=self._wholes,
                b_eq=self._present,
                bounds=self._variable_bounds(),
            )
            assert solved.status == 0, f"what is published contradicts itself: {solved.message}"
            found.append(sign * float(solved.fun))
        return found[0], found[1]

    def _variable_bounds(self) -> list[tuple[float, float]]:
        return [
            (0, self._atoms[atom].present[frame])
            for atom, frame in self._places()
            for _ in ACTIVITIES
        ]

    def _places(self) -> Iterable[tuple[int, int]]:
        return product(range(len(self._atoms)), range(1 if self._stays else self._frames))

    def _index(self, atom: int, frame: int, activity: str) -> int:
        place = atom if self._stays else atom * self._frames + frame
        return place * len(ACTIVITIES) + ACTIVITIES.index(activity)

    def _row(self, statement: Statement) -> dict[int, float]:
        row: dict[int, float] = {}
        for number, atom in enumerate(self._atoms):
            for analysis, frame, weight in statement.weights:
                if analysis not in atom.analyses:
                    continue
                for activity in SUMS.get(statement.activity, (statement.activity,)):
                    index = self._index(number, frame, activity)
                    row[index] = row.get(index, 0.0) + weight
        return row


def groups_below(atoms: Sequence[Atom], k: int) -> list[tuple[int, ...]]:
    """Return all groups of atoms that have fewer than `k` people in every frame."""
    numbers = range(len(atoms))
    return [
        group
        for size in range(1, len(atoms) + 1)
        for group in combinations(numbers, size)
        if max(np.sum([atoms[n].present for n in group], axis=0)) < k
    ]


def _matrix(rows: Sequence[Mapping[int, float]], size: int) -> npt.NDArray[np.float64]:
    matrix = np.zeros((len(rows), size))
    for number, row in enumerate(rows):
        for index, weight in row.items():
            matrix[number, index] = weight
    return matrix
