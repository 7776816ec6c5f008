"""Errors: stable codes, a true picture of the tree, and a safe trip between processes."""

import pickle
import re
from collections.abc import Iterator

import pytest

import cluster.errors
from cluster.errors import FootageTruncated, HomeroomError


def below(kind: type[HomeroomError]) -> Iterator[type[HomeroomError]]:
    for child in kind.__subclasses__():
        yield child
        yield from below(child)


KINDS = sorted(
    {kind for kind in below(HomeroomError) if kind.__module__ == cluster.errors.__name__},
    key=lambda kind: kind.__name__,
)


def drawn() -> dict[str, tuple[str, str]]:
    """Each class of the docstring's tree: its parent and its code."""
    tree: dict[str, tuple[str, str]] = {}
    path: list[str] = []
    for line in (cluster.errors.__doc__ or "").splitlines():
        found = re.fullmatch(r" {4}([│├└─ ]*)(\w+)(?: +(\w+))?", line)
        if found is None:
            continue
        depth = len(found[1]) // 4
        path = [*path[:depth], found[2]]
        if depth:
            tree[found[2]] = (path[depth - 1], found[3])
    return tree


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    assert drawn() == {kind.__name__: (kind.__bases__[0].__name__, kind.code) for kind in KINDS}


def test_every_error_has_a_code_of_its_own() -> None:
    assert [kind.__name__ for kind in KINDS if "code" not in vars(kind)] == []
    codes = [HomeroomError.code, *(kind.code for kind in KINDS)]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


def test_every_error_says_in_its_docstring_when_it_is_raised() -> None:
    assert [kind.__name__ for kind in KINDS if "__doc__" not in vars(kind)] == []


@pytest.mark.parametrize("kind", [HomeroomError, *KINDS])
@pytest.mark.parametrize("where", [None, "lessons.csv:3"])
@pytest.mark.parametrize("hint", [None, "Write it again."])
def test_an_error_survives_the_trip_between_processes(
    kind: type[HomeroomError], where: str | None, hint: str | None
) -> None:
    error = kind("it is wrong.", where=where, hint=hint)
    arrived = pickle.loads(pickle.dumps(error))  # noqa: S301 (made in this test)
    assert type(arrived) is kind
    assert (arrived.what, arrived.where, arrived.hint) == (error.what, where, hint)
    assert str(arrived) == str(error)
    assert arrived.code == kind.code


def test_a_message_says_where_what_and_what_to_do() -> None:
    error = FootageTruncated("it was cut.", where="a.mp4", hint="Copy it again.")
    assert str(error) == "a.mp4: it was cut. Copy it again."
    assert str(FootageTruncated("it was cut.")) == "it was cut."
    assert str(FootageTruncated("it was cut.", where="a.mp4")) == "a.mp4: it was cut."
