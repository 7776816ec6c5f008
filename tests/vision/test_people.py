"""The frame's way into the network and back, and the reading of the network's raw output."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cluster.vision.people import (
    KEYPOINTS,
    PAD_GREY,
    BgrImage,
    FloatArray,
    Letterbox,
    People,
    decode_output,
)
from tests.plugins.hypothesis_profiles import examples

SIDES = st.integers(16, 2000)
INPUT_SIZES = st.sampled_from([320, 640, 960, 1280])


def candidate(
    box: tuple[float, float, float, float], score: float, keypoint: tuple[float, float] = (0, 0)
) -> list[float]:
    """A column of raw output: a box (left, top, right, bottom) with all its keypoints in one."""
    left, top, right, bottom = box
    shape = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
    return [*shape, score, *([*keypoint, 0.9] * len(KEYPOINTS))]


def output_of(*candidates: list[float]) -> FloatArray:
    """Raw output (56, anchors), most of whose anchors see nothing."""
    output = np.zeros((56, 50), np.float32)
    output[:4] = 10.0
    for index, column in enumerate(candidates):
        output[:, 7 * index + 3] = column
    return output


def same(frame: tuple[int, int] = (480, 640)) -> Letterbox:
    """A letterbox that changes nothing."""
    letterbox = Letterbox.of(*frame, max(frame))
    assert (letterbox.scale, letterbox.left, letterbox.top) == (1.0, 0, 0)
    return letterbox


@given(height=SIDES, width=SIDES, input_size=INPUT_SIZES)
def test_the_networks_input_has_the_asked_size_or_the_frames_and_whole_strides(
    height: int, width: int, input_size: int
) -> None:
    letterbox = Letterbox.of(height, width, input_size)
    longer = min(input_size, max(height, width))
    assert max(letterbox.inner_width, letterbox.inner_height) == longer
    assert letterbox.scale <= 1.0
    assert letterbox.width % 32 == letterbox.height % 32 == 0
    assert letterbox.width - letterbox.inner_width < 32
    assert letterbox.height - letterbox.inner_height < 32


@given(
    height=SIDES,
    width=SIDES,
    input_size=INPUT_SIZES,
    across=st.floats(0, 1),
    down=st.floats(0, 1),
)
def test_a_point_of_the_frame_comes_back_from_the_networks_input(
    height: int, width: int, input_size: int, across: float, down: float
) -> None:
    letterbox = Letterbox.of(height, width, input_size)
    x, y = across * width, down * height
    inside_x = x * letterbox.scale + letterbox.left
    inside_y = y * letterbox.scale + letterbox.top
    assert -0.5 <= inside_x <= letterbox.width + 0.5
    assert -0.5 <= inside_y <= letterbox.height + 0.5
    column = candidate(
        (inside_x - 4, inside_y - 4, inside_x + 4, inside_y + 4), 0.8, (inside_x, inside_y)
    )
    people = decode_output(output_of(column), letterbox, (height, width), 0.25)
    assert len(people) == 1
    np.testing.assert_allclose(
        people.keypoints[0, :, :2], np.full((17, 2), (x, y)), atol=0.002 * max(height, width)
    )


@pytest.mark.parametrize("shape", [(1003, 1540), (270, 480), (480, 270), (100, 100), (641, 640)])
def test_a_mark_in_the_frame_lies_in_the_input_where_the_letterbox_says(
    shape: tuple[int, int],
) -> None:
    height, width = shape
    frame = np.zeros((height, width, 3), np.uint8)
    y, x = height * 3 // 4, width // 4
    frame[y - 6 : y + 6, x - 6 : x + 6] = 255
    letterbox = Letterbox.of(height, width, 640)
    canvas = letterbox.new_canvases(1)[0]
    letterbox.place(frame, canvas)
    rows, columns = np.nonzero(canvas[..., 0] > 180)
    assert columns.mean() + 0.5 == pytest.approx(x * letterbox.scale + letterbox.left, abs=1)
    assert rows.mean() + 0.5 == pytest.approx(y * letterbox.scale + letterbox.top, abs=1)


def ultralytics_letterbox(frame: BgrImage, input_size: int) -> BgrImage:
    from ultralytics.data.augment import LetterBox

    made = LetterBox((input_size, input_size), auto=True, scaleup=False, stride=32)(image=frame)
    return np.asarray(made, np.uint8)


@settings(max_examples=examples(60), deadline=None)
@given(height=st.integers(16, 700), width=st.integers(16, 700), seed=st.integers(0, 9))
def test_a_frame_is_placed_as_ultralytics_places_it(height: int, width: int, seed: int) -> None:
    frame = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    letterbox = Letterbox.of(height, width, 320)
    canvas = letterbox.new_canvases(1)[0]
    letterbox.place(frame, canvas)
    np.testing.assert_array_equal(canvas, ultralytics_letterbox(frame, 320))


@pytest.mark.parametrize("shape", [(1, 3000), (3000, 1)])
def test_a_strip_of_one_pixel_is_placed_as_ultralytics_places_it(shape: tuple[int, int]) -> None:
    frame = np.full((*shape, 3), 200, np.uint8)
    letterbox = Letterbox.of(*shape, 320)
    canvas = letterbox.new_canvases(1)[0]
    letterbox.place(frame, canvas)
    np.testing.assert_array_equal(canvas, ultralytics_letterbox(frame, 320))


def test_the_border_is_grey() -> None:
    letterbox = Letterbox.of(100, 320, 320)
    canvas = letterbox.new_canvases(2)
    letterbox.place(np.zeros((100, 320, 3), np.uint8), canvas[0])
    assert canvas.shape == (2, 128, 320, 3)
    assert (canvas[0, [0, -1]] == PAD_GREY).all()
    assert (canvas[1] == PAD_GREY).all()


@st.composite
def raw_outputs(draw: st.DrawFn) -> FloatArray:
    """Raw output with boxes anywhere, inside the input and far outside."""
    count = draw(st.integers(0, 30))
    output = np.zeros((56, count), np.float32)
    anywhere = st.floats(-500, 1500, width=32)
    output[:2] = draw(hnp.arrays(np.float32, (2, count), elements=anywhere))
    output[2:4] = draw(hnp.arrays(np.float32, (2, count), elements=st.floats(1, 900, width=32)))
    output[4] = draw(hnp.arrays(np.float32, count, elements=st.floats(0, 1, width=32)))
    output[5:] = draw(hnp.arrays(np.float32, (51, count), elements=anywhere))
    return output


@settings(deadline=None)
@given(output=raw_outputs(), height=SIDES, width=SIDES, confidence=st.floats(0.05, 0.9))
def test_people_lie_inside_the_frame_above_the_least_score_by_falling_score(
    output: FloatArray, height: int, width: int, confidence: float
) -> None:
    letterbox = Letterbox.of(height, width, 640)
    people = decode_output(output, letterbox, (height, width), confidence)
    assert len(people) == len(people.boxes) == len(people.keypoints) <= output.shape[1]
    for points in (people.boxes[:, :2], people.boxes[:, 2:], people.keypoints[..., :2]):
        assert (points >= 0).all()
        assert (points <= (width, height)).all()
    assert (people.boxes[:, :2] <= people.boxes[:, 2:]).all()
    assert (people.scores > np.float32(confidence)).all()
    assert (np.diff(people.scores) <= 0).all()
    assert people.boxes.dtype == people.scores.dtype == people.keypoints.dtype == np.float32


def test_a_box_over_the_edge_is_cut_at_the_edge() -> None:
    output = output_of(candidate((-30, -20, 100, 700), 0.9, (-5, 900)))
    people = decode_output(output, same(), (480, 640), 0.25)
    np.testing.assert_allclose(people.boxes, [[0, 0, 100, 480]], atol=0.01)
    np.testing.assert_allclose(people.keypoints[0, :, :2], np.full((17, 2), (0, 480)))
    np.testing.assert_allclose(people.keypoints[0, :, 2], 0.9)


def test_a_box_in_a_shrunken_frame_is_given_in_the_frames_own_pixels() -> None:
    letterbox = Letterbox.of(1080, 1920, 640)  # a third, and 12 grey rows above
    output = output_of(candidate((100, 112, 200, 212), 0.9, (150, 162)))
    people = decode_output(output, letterbox, (1080, 1920), 0.25)
    np.testing.assert_allclose(people.boxes, [[300, 300, 600, 600]], atol=0.01)
    np.testing.assert_allclose(people.keypoints[0, 0], [450, 450, 0.9], atol=0.01)


def test_two_boxes_that_overlap_are_one_person_with_the_better_score() -> None:
    output = output_of(
        candidate((100, 100, 200, 300), 0.6, (1, 1)), candidate((104, 102, 204, 302), 0.8, (2, 2))
    )
    people = decode_output(output, same(), (480, 640), 0.25)
    np.testing.assert_allclose(people.boxes, [[104, 102, 204, 302]], atol=0.01)
    np.testing.assert_allclose(people.scores, [0.8])
    np.testing.assert_allclose(people.keypoints[0, 0, :2], [2, 2])


@pytest.mark.parametrize(("shift", "people_left"), [(15.0, 1), (20.0, 2), (60.0, 2)])
def test_neighbours_who_overlap_by_less_than_seven_tenths_are_two_people(
    shift: float, people_left: int
) -> None:
    first, second = (100.0, 100.0, 200.0, 300.0), (100.0 + shift, 100.0, 200.0 + shift, 300.0)
    output = output_of(candidate(first, 0.9), candidate(second, 0.8))
    assert len(decode_output(output, same(), (480, 640), 0.25)) == people_left


def test_a_score_at_the_limit_is_nobody() -> None:
    output = output_of(candidate((100, 100, 200, 300), 0.5), candidate((300, 100, 400, 300), 0.51))
    people = decode_output(output, same(), (480, 640), 0.5)
    np.testing.assert_allclose(people.scores, [0.51])


def test_an_empty_room_gives_empty_arrays_of_the_right_shape() -> None:
    people = decode_output(output_of(), same(), (480, 640), 0.25)
    assert len(people) == 0
    assert people.boxes.shape == (0, 4)
    assert people.keypoints.shape == (0, 17, 3)


def test_reading_the_output_does_not_change_it() -> None:
    output = output_of(candidate((-30, -20, 100, 700), 0.9, (-5, 900)))
    before = output.copy()
    decode_output(output, Letterbox.of(1080, 1920, 640), (1080, 1920), 0.25)
    np.testing.assert_array_equal(output, before)


@given(chosen=hnp.arrays(np.bool_, 6))
def test_people_who_are_kept_keep_their_own_boxes_and_keypoints(
    chosen: npt.NDArray[np.bool_],
) -> None:
    numbers = np.arange(6, dtype=np.float32)
    people = People(
        boxes=np.repeat(numbers, 4).reshape(6, 4),
        scores=numbers,
        keypoints=np.repeat(numbers, 51).reshape(6, 17, 3),
    )
    kept = people.select(chosen)
    assert len(kept) == chosen.sum()
    np.testing.assert_array_equal(kept.scores, np.flatnonzero(chosen))
    np.testing.assert_array_equal(kept.boxes[:, 0], kept.scores)
    np.testing.assert_array_equal(kept.keypoints[:, 5, 1], kept.scores)
