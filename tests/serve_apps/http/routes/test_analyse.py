"""One image over HTTP: suppressed counts, and nothing of a person (R2, R3)."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.activity import durations
from cluster.errors import ServiceBusy, ServiceDown
from cluster.security.roles import Role
from cluster.vision.people import KEYPOINTS, People
from tests.activity.stub_classifier import classify_bodies
from tests.serve_apps.http.api_client import ApiClient
from tests.vision.test_image_decoding import encode, png_with_size, progressive

pytestmark = pytest.mark.sqlite

JPEG = {"Content-Type": "image/jpeg"}
AT = {name: place for place, name in enumerate(KEYPOINTS)}


def seated(count: int, *, hands_up: int = 0) -> People:
    """People who sit side by side, upright, the first of them with a hand up."""
    keypoints = np.zeros((count, 17, 3), np.float32)
    for person in range(count):
        middle, top = 20.0 + 40 * person, 100.0
        places = {
            "nose": (0, 0), "left_eye": (2, -2), "right_eye": (-2, -2),
            "left_ear": (4, 0), "right_ear": (-4, 0),
            "left_shoulder": (10, 15), "right_shoulder": (-10, 15),
            "left_elbow": (12, 30), "right_elbow": (-12, 30),
            "left_wrist": (10, 42), "right_wrist": (-10, 42),
            "left_hip": (7, 45), "right_hip": (-7, 45),
        }  # fmt: skip
        if person < hands_up:
            places |= {"left_elbow": (14, 0), "left_wrist": (14, -18)}
        for name, (x, y) in places.items():
            keypoints[person, AT[name]] = (middle + x, top + y, 0.9)
    left = np.array([5.0 + 40 * person for person in range(count)], np.float32)
    boxes = np.stack([left, np.full(count, 70), left + 30, np.full(count, 160)], axis=1)
    return People(boxes.astype(np.float32), np.full(count, 0.9, np.float32), keypoints)


def post(api_client: ApiClient, content: bytes, status: int = 200, **more: Any) -> dict[str, Any]:
    more.setdefault("headers", JPEG)
    return api_client.as_role(Role.OPERATOR).post("/api/analyse", status, content=content, **more)


def test_a_full_room_is_counted(api_client: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durations, "load_classifier", lambda: classify_bodies)
    api_client.pose.people = seated(12, hands_up=3)
    found = post(api_client, encode(".jpg", 640, 360))
    assert (found["people"], found["suppressed"]) == (12, False)
    assert found["shares"]["hand_raised"] == {"share": 0.25, "text": "25%"}
    assert found["shares"]["head_down"]["text"] == "≤5%"


def test_a_small_group_gives_a_headcount_alone(api_client: ApiClient) -> None:
    api_client.pose.people = seated(9, hands_up=3)
    assert post(api_client, encode(".jpg", 640, 360)) == {
        "people": 9,
        "suppressed": True,
        "shares": None,
    }


def test_no_box_and_no_keypoint_is_returned(api_client: ApiClient) -> None:
    api_client.pose.people = seated(12)
    found = post(api_client, encode(".jpg", 640, 360))
    assert set(found) == {"people", "suppressed", "shares"}
    shares = found["shares"]
    published = {name for name, share in shares.items() if share is not None}
    assert set(shares) - published <= {"reading", "writing"}
    assert all(set(shares[name]) == {"share", "text"} for name in published)


def test_the_model_gets_a_shrunken_image(api_client: ApiClient) -> None:
    api_client.pose.people = seated(12)
    post(api_client, encode(".jpg", 1920, 1080))
    post(api_client, encode(".png", 1920, 1080), headers={"Content-Type": "image/png"})
    post(api_client, encode(".jpg", 1920, 1080), params={"input_size": 960})
    assert api_client.pose.shapes == [(360, 640, 3), (360, 640, 3), (540, 960, 3)]


def test_other_content_is_rejected(api_client: ApiClient) -> None:
    assert post(api_client, b"x", 422)["error"]["code"] == "footage_unreadable"
    post(api_client, b"", 422)
    post(api_client, png_with_size(60_000, 60_000), 422)
    post(api_client, encode(".jpg", 64, 64), 415, headers={"Content-Type": "text/plain"})
    post(api_client, encode(".jpg", 64, 64), 422, params={"input_size": 641})


def test_a_request_that_is_too_large_is_rejected(api_client: ApiClient) -> None:
    most = api_client.school.settings.access.largest_request
    assert post(api_client, b"\xff\xd8" + b"\0" * most, 413)["error"]["code"] == "request_too_large"


@pytest.mark.parametrize(
    ("error", "code"), [(ServiceBusy("full."), "service_busy"), (ServiceDown("x"), "service_down")]
)
def test_a_model_that_is_busy_or_unavailable_is_an_error(
    api_client: ApiClient, error: Exception, code: str
) -> None:
    api_client.pose.failing = error
    assert post(api_client, encode(".jpg", 64, 64), 503)["error"]["code"] == code


def test_nothing_is_stored(api_client: ApiClient, tmp_path: Path) -> None:
    caller = api_client.as_role(Role.OPERATOR)
    image = encode(".jpg", 640, 360)
    caller.post("/api/analyse", content=image, headers=JPEG)
    before, audited = _files(tmp_path), api_client.audited()
    caller.post("/api/analyse", content=image, headers=JPEG)
    assert _files(tmp_path) == before
    assert api_client.audited() == audited


def test_only_operators_and_leaders_may_analyse(api_client: ApiClient) -> None:
    image = encode(".jpg", 64, 64)
    api_client.leader.post("/api/analyse", content=image, headers=JPEG)
    for role in (Role.TEACHER, Role.ANALYST, Role.DATA_PROTECTION):
        api_client.as_role(role).post("/api/analyse", 403, content=image, headers=JPEG)


def _files(folder: Path) -> set[Path]:
    """All files except those that SQLite creates when the records are read."""
    return {path for path in folder.rglob("*") if not path.name.endswith(("-wal", "-shm"))}


def test_an_image_with_too_many_scans_is_rejected(api_client: ApiClient) -> None:
    error = post(api_client, progressive(3000, 2000, more_scans=2000), 422)["error"]
    assert error["code"] == "footage_unreadable"
    assert api_client.pose.shapes == []
