"""The live service, started as an operator does: each killed process is restarted, nothing is lost.

One service for all tests of this file, which run in their order; each leaves it running.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from cluster.demo.lesson_video import HEIGHT, WIDTH, frames_of_photo, group_photo
from serve_apps.http.middleware.slow_clients import PROXY_ENVIRONMENT
from tests.conftest import write_video
from tests.disks import small_disk
from tests.ports import free_port
from tests.serve_apps.running_service import HOMEROOM, Service, is_up, running, until

pytestmark = pytest.mark.ray

WINDOW_SECONDS = 10
ARCHIVE = """
[archive]
footage_roots = ["{folder}"]
dashboard = "http://127.0.0.1:{port}"
"""
ADULTS = 6


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of six adults at a table, a few seconds long."""
    path = tmp_path_factory.mktemp("lesson") / "lesson.mp4"
    frames = frames_of_photo(group_photo(), 4.0, 10)
    options = {"g": "20", "preset": "ultrafast"}
    return write_video(path, frames=frames, rate=10, size=(WIDTH, HEIGHT), options=options)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, lesson: Path) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "data").mkdir()
    (folder / "footage").mkdir()
    archive = ARCHIVE.format(folder=folder / "footage", port=free_port())
    with (
        small_disk(folder / "data" / "live", "8m"),
        running(folder, [str(lesson), str(lesson)], extra_settings=archive) as service,
    ):
        yield service


def room_is_live(service: Service, room_id: str = "room-1") -> bool:
    return bool(service.get(f"/api/rooms/{room_id}")["state"] == "live")


def windows_of(service: Service, camera_id: str) -> set[int]:
    return {start for camera, start in service.journal() if camera == camera_id}


def test_a_room_shows_its_live_counts(service: Service) -> None:
    until(lambda: room_is_live(service), "live counts")
    until(lambda: not service.get("/api/rooms/room-1")["suppressed"], "shares of a chosen camera")
    room = service.get("/api/rooms/room-1")
    assert room["people"] == ADULTS
    assert room["shares"] is not None
    assert room["age_seconds"] < 5


def test_finished_windows_are_published(service: Service) -> None:
    found = until(lambda: service.get("/api/rooms/room-1/windows?minutes=5")["windows"], "a window")
    assert found[0]["people_max"] == ADULTS
    until(lambda: windows_of(service, "cam-2"), "a window in the journal")


def test_the_status_command_shows_the_cameras(service: Service) -> None:
    status = json.loads(service.homeroom("status", "--json"))
    assert [camera["state"] for camera in status["cameras"]] == ["live", "live"]
    assert "cam-1" in service.homeroom("status")


def test_events_resume_after_the_last_event_id(service: Service) -> None:
    headers = service.headers("school_leader")
    first = _events(service, headers, 6)
    resumed = _events(service, {**headers, "Last-Event-ID": str(first[0]["id"])}, 2)
    assert all(event["id"] > first[0]["id"] for event in resumed)
    assert len({event["id"] for event in first}) == len(first)


def _events(service: Service, headers: dict[str, str], count: int) -> list[dict[str, int]]:
    events: list[dict[str, int]] = []
    url = f"{service.url}/api/rooms/events"
    with httpx.stream("GET", url, headers=headers, timeout=30) as answer:
        for line in answer.iter_lines():
            if line.startswith("id:"):
                events.append({"id": int(line[3:])})
            if len(events) == count:
                break
    return events


def test_a_killed_reader_is_replaced_with_its_cameras(service: Service) -> None:
    dead = service.kill("StreamReader")
    until(
        lambda: (
            [p.pid for p in service.processes("StreamReader") if p.pid != dead]
            and room_is_live(service)
        ),
        "another reader",
    )
    newest = max(windows_of(service, "cam-1"))
    until(lambda: max(windows_of(service, "cam-1")) > newest + WINDOW_SECONDS, "windows after it")


def test_a_killed_pose_model_is_replaced(service: Service) -> None:
    dead = service.kill("ServeReplica:homeroom:PoseModel")
    until(
        lambda: [
            p.pid for p in service.processes("ServeReplica:homeroom:PoseModel") if p.pid != dead
        ],
        "another replica",
    )
    before = service.camera("cam-1")["frames_read"]
    until(lambda: service.camera("cam-1")["frames_read"] > before + 4, "frames")
    until(lambda: room_is_live(service), "live counts")


def test_a_killed_rooms_replica_is_replaced_and_no_window_is_lost(service: Service) -> None:
    until(lambda: room_is_live(service), "live counts")
    (reader,) = service.processes("StreamReader")
    previous = max(windows_of(service, "cam-1"))
    until(lambda: max(windows_of(service, "cam-1")) > previous, "a window right before")
    newest = max(windows_of(service, "cam-1"))
    service.kill("ServeReplica:homeroom:Rooms")
    until(
        lambda: max(windows_of(service, "cam-1")) > newest + 2 * WINDOW_SECONDS, "windows after it"
    )
    assert [p.pid for p in service.processes("StreamReader")] == [reader.pid]
    for camera in ("cam-1", "cam-2"):
        starts = windows_of(service, camera)
        assert set(range(newest, max(starts), WINDOW_SECONDS)) <= starts
    history = service.get("/api/rooms/room-1/windows?minutes=10")["windows"]
    assert len(history) > 2


def test_the_proxy_has_the_middleware_against_slow_clients(service: Service) -> None:
    (proxy,) = service.processes("ProxyActor")
    assert PROXY_ENVIRONMENT.items() <= proxy.environ().items()


def test_processes_that_decode_footage_inherit_no_settings(service: Service) -> None:
    for title, expected in (("StreamReader", ""), ("PoseModel", ""), ("Rooms", "Canary")):
        for process in service.processes(title):
            assert process.environ()["HOMEROOM_DISTRICT__NAME"] == expected, title


def test_a_killed_proxy_is_replaced(service: Service) -> None:
    service.kill("ProxyActor")
    until(lambda: is_up(service), "HTTP")
    until(lambda: room_is_live(service), "live counts")


def test_a_killed_api_is_replaced(service: Service) -> None:
    service.kill("ServeReplica:homeroom:Api")
    until(lambda: room_is_live(service), "HTTP")


def test_a_full_disk_under_the_journal_loses_nothing(service: Service) -> None:
    until(lambda: room_is_live(service), "live counts")
    filler = service.folder / "data" / "live" / "filler"
    with filler.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(bytes(4096))
    until(
        lambda: service.get("/api/cameras", role="operator")["journal"]["problem"],
        "the problem to be reported",
    )
    until(lambda: room_is_live(service), "live counts with a full disk")
    start = int(time.time()) // WINDOW_SECONDS * WINDOW_SECONDS
    until(lambda: time.time() > start + 2 * WINDOW_SECONDS + 5, "two windows that cannot be stored")
    filler.unlink()
    until(
        lambda: max(windows_of(service, "cam-1")) > start + WINDOW_SECONDS,
        "the windows that waited",
    )
    starts = windows_of(service, "cam-1")
    assert {start, start + WINDOW_SECONDS} <= starts
    journal = service.get("/api/cameras", role="operator")["journal"]
    assert journal["problem"] == ""


def test_a_change_of_settings_adds_a_camera_and_does_not_interrupt_the_others(
    service: Service, lesson: Path
) -> None:
    before = service.camera("cam-1")
    service.write_settings([str(lesson), str(lesson), str(lesson)])
    until(lambda: room_is_live(service, "room-3"), "the new room")
    after = service.camera("cam-1")
    assert after["frames_read"] > before["frames_read"]
    assert after["since"] == before["since"]
    assert after["reader_id"] == before["reader_id"]


def test_invalid_settings_are_reported_and_not_applied(service: Service, lesson: Path) -> None:
    (service.folder / "homeroom.toml").write_text("data_dir = 3\n")
    until(
        lambda: "data_dir" in service.get("/api/cameras", role="operator")["journal"]["problem"],
        "the problem",
    )
    until(lambda: room_is_live(service), "live counts with invalid settings")
    service.write_settings([str(lesson), str(lesson), str(lesson)])
    until(
        lambda: not service.get("/api/cameras", role="operator")["journal"]["problem"],
        "the end of the problem",
    )


def test_a_second_service_on_the_same_port_does_not_start(service: Service) -> None:
    done = subprocess.run(
        [*HOMEROOM, "serve"], cwd=service.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"port {service.port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.timeout(600)
def test_an_archive_job_is_submitted_over_http_and_runs_beside_the_cameras(
    service: Service, lesson: Path
) -> None:
    footage = service.folder / "footage"
    shutil.copy(lesson, footage / "cam-1_20260302T090000Z.mp4")
    headers = service.headers("operator")
    url = f"{service.url}/api/jobs"
    denied = httpx.post(f"{url}/archive", json={"footage": ["/etc"]}, headers=headers, timeout=60)
    assert denied.status_code == 403
    answer = httpx.post(
        f"{url}/archive", json={"footage": [str(footage)]}, headers=headers, timeout=60
    )
    assert answer.is_success, answer.text
    job = answer.json()["job_id"]

    def state() -> str:
        return str(service.get(f"/api/jobs/{job}", role="operator")["state"])

    until(lambda: state() in {"succeeded", "failed"}, "the job", 400)
    log = service.get(f"/api/jobs/{job}/log", role="operator")
    assert state() == "succeeded", log
    until(lambda: room_is_live(service), "live counts beside the job")
    parts = (service.folder / "data" / "lake" / "activity_windows").rglob("*date=2026-03-02/*")
    assert [part.name for part in parts] == ["cam-1_20260302T090000Z.parquet"]


@pytest.mark.parametrize("role", ["operator", "school_leader", "analyst", "data_protection"])
def test_no_generated_request_is_a_server_error(service: Service, role: str) -> None:
    token = service.headers(role)["Authorization"]
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/api/openapi.json"]
    command += ["--header", f"Authorization: {token}", "--checks", "not_a_server_error"]
    command += ["--phases", "fuzzing", "--max-examples", "4", "--seed", "1"]
    command += ["--exclude-path", "/api/rooms/events", "--request-timeout", "30"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=service.folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_each_window_is_written_to_the_lake_once(service: Service) -> None:
    def parts() -> list[Path]:
        return sorted((service.folder / "data" / "lake" / "activity_windows").rglob("*.parquet"))

    until(parts, "a part of the lake", 120)
    service.homeroom("publish")
    rows = json.loads(
        service.homeroom(
            "query",
            "--json",
            "SELECT camera_id, count(*) AS n, count(DISTINCT window_start) AS starts "
            "FROM activity_windows GROUP BY ALL",
        )
    )
    assert rows
    assert all(row["n"] == row["starts"] for row in rows)


def test_ctrl_c_stops_it_after_its_windows_are_finished(service: Service) -> None:
    readers = service.processes("StreamReader")
    before = len(service.journal())
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(60) == 0
    assert all(not reader.is_running() for reader in readers)
    assert len(service.journal()) > before
    log = (service.folder / "serve.log").read_text()
    assert "Traceback" not in log
