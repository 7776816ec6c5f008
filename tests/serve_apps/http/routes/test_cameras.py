"""Cameras over HTTP: their health; no address, credential or count."""

from dataclasses import replace

import pytest

from cluster.calibration.drift import CameraDrift, Drift
from cluster.security.roles import Role
from cluster.streams.source.state import StreamReason, StreamState
from serve_apps.http.routes.cameras import CameraBody
from tests.register.school import MONDAY
from tests.serve_apps.http.api_client import (
    CAMERA_SECRET,
    ApiClient,
    UserClient,
    camera_status,
)

pytestmark = pytest.mark.sqlite


def operator(api_client: ApiClient) -> UserClient:
    return api_client.as_role(Role.OPERATOR)


def test_an_operator_sees_cameras_and_the_journal(api_client: ApiClient) -> None:
    api_client.rooms.statuses = [
        camera_status("cam-1"),
        camera_status("cam-2", state=StreamState.FAILED, reason=StreamReason.WRONG_CREDENTIALS),
    ]
    found = operator(api_client).get("/api/cameras")
    assert [(one["camera_id"], one["state"], one["reason"]) for one in found["cameras"]] == [
        ("cam-1", "live", "pictures_arrive"),
        ("cam-2", "failed", "wrong_credentials"),
    ]
    assert found["journal"]["waiting"] == 3
    assert operator(api_client).get("/api/cameras/cam-2") == found["cameras"][1]
    operator(api_client).get("/api/cameras/cam-3", 404)


def test_an_operator_sees_what_became_of_a_cameras_view(api_client: ApiClient) -> None:
    moved = CameraDrift(Drift.MOVED, MONDAY)
    api_client.rooms.statuses = [
        camera_status("cam-1"),
        replace(camera_status("cam-2"), drift=moved),
    ]
    well, turned = operator(api_client).get("/api/cameras")["cameras"]
    assert (well["drift"], well["drift_since"], well["drift_advice"]) == ("none", None, "")
    assert (turned["drift"], turned["drift_since"]) == ("moved", "2026-03-02T09:00:00Z")
    assert "homeroom calibrate" in turned["drift_advice"]


def test_no_response_contains_an_address_or_a_credential(api_client: ApiClient) -> None:
    detail = f"cannot open rtsp://viewer:{CAMERA_SECRET}@10.0.0.9/main"
    api_client.rooms.statuses = [camera_status("cam-1", detail=detail)]
    for path in ("/api/cameras", "/api/cameras/cam-1"):
        text = operator(api_client).answer("GET", path).text
        assert CAMERA_SECRET not in text
        assert "viewer" not in text


def test_a_camera_has_no_counts_of_a_room() -> None:
    counts = {"people", "hands", "share", "shares", "window", "activity"}
    assert not {word for name in CameraBody.model_fields for word in name.split("_")} & counts


def test_cameras_are_paged(api_client: ApiClient) -> None:
    api_client.rooms.statuses = [camera_status(f"cam-{n}") for n in range(3)]
    first = operator(api_client).get("/api/cameras", params={"limit": 2})
    second = operator(api_client).get("/api/cameras", params={"limit": 2, "cursor": first["next"]})
    names = [one["camera_id"] for one in first["cameras"] + second["cameras"]]
    assert (names, second["next"]) == (["cam-0", "cam-1", "cam-2"], None)


def test_only_operators_see_cameras(api_client: ApiClient) -> None:
    api_client.leader.get("/api/cameras", 403)
    api_client.teacher.get("/api/cameras/cam-1", 403)
