"""People are drawn as stick figures, on nothing."""

from xml.etree import ElementTree

import pytest

from cluster.calibration.drawing import FIGURE, as_page, draw_people
from cluster.vision.people import People
from tests.vision.bodies import HAND_UP, crowd, person

SVG = "{http://www.w3.org/2000/svg}"


def drawn(people: People, title: str = "cam1", scale: float = 1.0) -> ElementTree.Element:
    text = draw_people(people, frame_size=(640, 480), scale=scale, title=title)
    return ElementTree.fromstring(text)  # noqa: S314 (our own text)


def test_what_somebody_does_cannot_be_seen() -> None:
    """R2: a person with a raised hand is drawn like one who rests."""
    resting, raising = (drawn(person(*changes)).find(f"{SVG}g") for changes in ((), (HAND_UP,)))
    assert resting is not None
    assert raising is not None
    assert ElementTree.tostring(resting) == ElementTree.tostring(raising)
    assert len(resting.findall(f"{SVG}circle")) == 1
    assert len(resting.findall(f"{SVG}line")) == len(FIGURE)


def test_heads_that_are_too_small_are_marked() -> None:
    people = crowd(person(unit=60.0), person(unit=8.0))
    kinds = [figure.get("class") for figure in drawn(people).findall(f"{SVG}g")]
    assert kinds == ["seen", "small"]
    assert {g.get("class") for g in drawn(people, scale=0.1).findall(f"{SVG}g")} == {"small"}


def test_it_holds_no_picture_and_nothing_from_outside() -> None:
    root = drawn(person())
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags == {"svg", "style", "text", "rect", "line", "g", "circle"}
    assert "url(" not in ElementTree.tostring(root, encoding="unicode")


@pytest.mark.parametrize("people", [People.empty(), person(unseen=("nose", "left_eye"))])
def test_a_title_cannot_break_it(people: People) -> None:
    root = drawn(people, title="<script>&")
    assert root.findtext(f"{SVG}text") == "<script>&"
    assert "<script>" not in as_page(
        draw_people(people, frame_size=(64, 48), scale=1.0, title="<script>"), "<script>"
    )
