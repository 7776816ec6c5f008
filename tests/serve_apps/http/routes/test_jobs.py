"""Archive jobs over HTTP, against a fake of Ray's dashboard, and against Ray."""

import json
import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cluster.security.roles import Role
from serve_apps.http.routes import jobs as job_routes
from serve_apps.http.services.archive_jobs import entrypoint
from tests.conftest import write_settings
from tests.jobs import test_on_a_cluster
from tests.jobs.running import wait_for
from tests.ports import free_port
from tests.register.school import School
from tests.serve_apps.http.api_client import ApiClient, UserClient, at, open_api_client

pytestmark = pytest.mark.sqlite

SECRET = "c4n4ry"  # noqa: S105 (made up)


@dataclass
class Dashboard:
    """The state of the fake dashboard."""

    address: str = ""
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    silent: threading.Event = field(default_factory=threading.Event)
    hangs: bool = False
    error_status: int = 0

    def add(self, job_id: str, status: str = "RUNNING", **metadata: str) -> None:
        self.jobs[job_id] = {
            "type": "SUBMISSION",
            "submission_id": job_id,
            "status": status,
            "entrypoint": "python -m jobs.analyse_archive",
            "message": f"reading s3://key:{SECRET}@lessons",
            "start_time": 1772442004000,
            "metadata": metadata,
        }


def _handler(state: Dashboard) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if state.hangs:
                state.silent.wait(30)
            parts = self.path.strip("/").split("/")
            if parts == ["api", "version"]:
                self._respond({"version": "4", "ray_version": "2.60.0", "ray_commit": "x"})
            elif parts == ["api", "jobs"]:
                self._respond(list(state.jobs.values()))
            elif parts[2] not in state.jobs:
                self._respond("no such job", 404)
            elif parts[3:] == ["logs"]:
                self._respond({"logs": state.logs.get(parts[2], "")})
            else:
                self._respond(state.jobs[parts[2]])

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if self.path.endswith("/stop"):
                state.jobs[self.path.split("/")[3]]["status"] = "STOPPED"
                self._respond({"stopped": True})
                return
            if state.error_status:
                self._respond("No available agent", state.error_status)
                return
            submitted = json.loads(body)
            state.add(submitted["submission_id"], "PENDING", **submitted["metadata"])
            state.jobs[submitted["submission_id"]] |= {
                "entrypoint": submitted["entrypoint"],
                "runtime_env": submitted["runtime_env"],
            }
            self._respond({"submission_id": submitted["submission_id"], "job_id": None})

        def _respond(self, content: Any, status: int = 200) -> None:
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def ray_dashboard() -> Iterator[Dashboard]:
    """Serve a fake dashboard."""
    state = Dashboard()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(state)) as server:
        state.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield state
        state.silent.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def dashboard() -> Iterator[Dashboard]:
    with ray_dashboard() as state:
        yield state


@contextmanager
def operator_api(school: School, address: str) -> Iterator[tuple[ApiClient, UserClient]]:
    archive = school.settings.archive.model_copy(update={"dashboard": address})
    school.settings = school.settings.model_copy(update={"archive": archive})
    with open_api_client(school) as api_client:
        yield api_client, api_client.as_role(Role.OPERATOR)


@pytest.fixture
def operator(school: School, dashboard: Dashboard) -> Iterator[UserClient]:
    with operator_api(school, dashboard.address) as (_, caller):
        yield caller


def test_footage_is_submitted_with_the_settings_and_without_secrets(
    operator: UserClient,
    dashboard: Dashboard,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOMEROOM_SETTINGS", "/srv/homeroom.toml")
    monkeypatch.setenv("HOMEROOM_SECURITY__MASTER_KEY", SECRET)
    folder = str(tmp_path / "footage" / "2026 03")
    job = operator.post("/api/jobs/archive", 202, json={"footage": [folder]})
    assert (job["state"], job["submitted_by"], job["footage"]) == (
        "pending",
        "operator:test",
        [folder],
    )
    submitted = dashboard.jobs[job["job_id"]]
    assert shlex.split(submitted["entrypoint"]) == [
        *(sys.executable, "-m", "jobs.analyse_archive"),
        *(f"--below={tmp_path / 'footage'}", "--below=s3://lessons/2026", "--", folder),
    ]
    environment = submitted["runtime_env"]["env_vars"]
    assert environment["HOMEROOM_SETTINGS"] == "/srv/homeroom.toml"
    assert SECRET not in json.dumps(submitted["runtime_env"])


def test_one_file_may_have_a_camera_and_a_start(operator: UserClient, dashboard: Dashboard) -> None:
    body = {
        "footage": ["s3://lessons/2026/a.mp4"],
        "camera": "cam-1",
        "started_at": "2026-03-02T10:00:00+01:00",
    }
    job = operator.post("/api/jobs/archive", 202, json=body)
    arguments = shlex.split(dashboard.jobs[job["job_id"]]["entrypoint"])
    assert arguments[5:7] == ["--camera=cam-1", "--started-at=2026-03-02T09:00:00+00:00"]
    operator.post("/api/jobs/archive", 404, json={**body, "camera": "no-such"})


def test_footage_names_cannot_inject_commands() -> None:
    names = ["/srv/a.mp4; rm -rf /", "/srv/$(id)", "/srv/--json", "/srv/'\"\n"]
    assert shlex.split(entrypoint(names, roots=["/a; b"]))[3:] == ["--below=/a; b", "--", *names]


@pytest.mark.parametrize(
    "footage",
    [["/etc/passwd"], ["../secret"], ["s3://lessons/2027/a.mp4"], ["--manifest=/etc/passwd"]],
)
def test_footage_outside_of_the_roots_is_denied(
    operator: UserClient, dashboard: Dashboard, footage: list[str]
) -> None:
    error = operator.post("/api/jobs/archive", 403, json={"footage": footage})["error"]
    assert error["code"] == "not_allowed"
    assert "footage_roots" in error["hint"]
    assert not dashboard.jobs


@pytest.mark.parametrize(
    "body",
    [
        {"footage": []},
        {"footage": ["/a"] * 201},
        {"footage": ["/" + "a" * 1000]},
        {"footage": ["/a"], "camera": "cam-1"},
        {"footage": ["/a", "/b"], "camera": "cam-1", "started_at": "2026-03-02T10:00:00Z"},
        {"footage": ["/a"], "camera": "cam-1", "started_at": "2026-03-02T10:00:00"},
        {"footage": ["/a"], "camera": "cam-1", "started_at": "0001-01-01T00:00:00+14:00"},
        {"footage": ["/a"], "manifest": "/etc/passwd"},
    ],
)
def test_an_invalid_request_is_rejected(operator: UserClient, body: Any) -> None:
    operator.post("/api/jobs/archive", 422, json=body)


def test_only_jobs_that_homeroom_submitted_are_visible(
    operator: UserClient, dashboard: Dashboard
) -> None:
    dashboard.add("archive_1", homeroom="analyse_archive", submitted_by="operator:x", footage="[]")
    dashboard.add("raysubmit_2")
    dashboard.jobs["driver"] = {"type": "DRIVER", "status": "RUNNING", "entrypoint": "x"}
    listed = operator.get("/api/jobs")["jobs"]
    assert [one["job_id"] for one in listed] == ["archive_1"]
    assert operator.get("/api/jobs/archive_1") == listed[0]
    at(listed[0]["started_at"])
    for path in ("/api/jobs/raysubmit_2", "/api/jobs/raysubmit_2/log", "/api/jobs/no-such"):
        assert operator.get(path, 404)["error"]["code"] == "not_found"
    operator.post("/api/jobs/raysubmit_2/stop", 404)
    assert dashboard.jobs["raysubmit_2"]["status"] == "RUNNING"


def test_no_response_contains_a_credential(operator: UserClient, dashboard: Dashboard) -> None:
    footage = json.dumps([f"s3://key:{SECRET}@lessons/a.mp4"])
    dashboard.add("archive_1", "FAILED", homeroom="analyse_archive", footage=footage)
    dashboard.logs["archive_1"] = f"opening rtsp://viewer:{SECRET}@10.0.0.9/main\n"
    for path in ("", "/archive_1", "/archive_1/log"):
        assert SECRET not in operator.answer("GET", f"/api/jobs{path}").text


def test_a_log_is_read_in_parts_of_whole_lines(operator: UserClient, dashboard: Dashboard) -> None:
    dashboard.add("archive_1", homeroom="analyse_archive")
    dashboard.logs["archive_1"] = f"first\nsecond rtsp://viewer:{SECRET}"
    part = operator.get("/api/jobs/archive_1/log")
    assert (part["text"], part["next_offset"], part["ended"]) == ("first\n", 6, False)
    dashboard.logs["archive_1"] += "@10.0.0.9/main\n" + "x" * 100_000
    dashboard.jobs["archive_1"]["status"] = "SUCCEEDED"
    text = ""
    while not part["ended"]:
        path = "/api/jobs/archive_1/log"
        part = operator.get(path, params={"offset": part["next_offset"]})
        text += part["text"]
    assert text.startswith("second rtsp://***@10.0.0.9/main\nxxx")
    assert len(text.splitlines()[1]) == 100_000


def test_a_job_is_stopped_unless_it_has_ended(operator: UserClient, dashboard: Dashboard) -> None:
    dashboard.add("archive_1", homeroom="analyse_archive")
    assert operator.post("/api/jobs/archive_1/stop")["state"] == "stopped"
    dashboard.jobs["archive_1"]["status"] = "SUCCEEDED"
    assert operator.post("/api/jobs/archive_1/stop")["state"] == "succeeded"


def test_jobs_are_paged(operator: UserClient, dashboard: Dashboard) -> None:
    for number in range(3):
        dashboard.add(f"archive_{number}", homeroom="analyse_archive")
    first = operator.get("/api/jobs", params={"limit": 2})
    second = operator.get("/api/jobs", params={"limit": 2, "cursor": first["next"]})
    assert [one["job_id"] for one in second["jobs"]] == ["archive_2"]
    assert second["next"] is None


def test_a_job_that_ray_rejects_is_an_error(operator: UserClient, dashboard: Dashboard) -> None:
    dashboard.error_status = 500
    body = {"footage": ["s3://lessons/2026/a.mp4"]}
    assert operator.post("/api/jobs/archive", 503, json=body)["error"]["code"] == "service_down"
    dashboard.error_status = 400
    assert operator.post("/api/jobs/archive", 409, json=body)["error"]["code"] == "job_refused"


def test_a_dashboard_that_is_down_is_an_error(school: School) -> None:
    with operator_api(school, "http://127.0.0.1:9") as (_, caller):
        assert caller.get("/api/jobs", 503)["error"]["code"] == "service_down"


def test_a_dashboard_that_hangs_times_out(
    operator: UserClient, dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_routes, "DASHBOARD_TIMEOUT_SECONDS", 0.3)
    dashboard.hangs = True
    assert operator.get("/api/jobs", 503)["error"]["code"] == "service_down"
    operator.get("/api/health")


def test_only_operators_may_use_jobs(api_client: ApiClient) -> None:
    api_client.leader.get("/api/jobs", 403)
    api_client.teacher.post("/api/jobs/archive", 403, json={"footage": ["/a"]})


@pytest.mark.ray
@pytest.mark.timeout(300)
def test_a_job_runs_on_ray_itself(
    school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOMEROOM_SETTINGS", str(write_settings(tmp_path)))
    # Ray reads its token once in a process, and this one has started without.
    environment = {**test_on_a_cluster._environment(), "RAY_AUTH_MODE": "disabled"}
    monkeypatch.setattr(test_on_a_cluster, "_environment", lambda: environment)
    ports = [f"--dashboard-agent-listen-port={free_port()}"]
    (tmp_path / "footage" / "empty").mkdir(parents=True)
    (tmp_path / "footage" / "linked").mkdir()
    (tmp_path / "elsewhere.mp4").touch()
    (tmp_path / "footage" / "linked" / "cam1_20260302T090000Z.mp4").symlink_to(
        tmp_path / "elsewhere.mp4"
    )
    with (
        test_on_a_cluster._cluster(*ports) as address,
        operator_api(school, address) as (_, caller),
    ):
        footage = [str(tmp_path / "footage" / name) for name in ("empty", "linked")]
        accepted: list[dict[str, Any]] = []

        def submit() -> bool:
            answer = caller.answer("POST", "/api/jobs/archive", json={"footage": footage})
            assert answer.status_code in (202, 503), answer.text  # it has just started
            accepted.extend([answer.json()] if answer.status_code == 202 else [])
            return bool(accepted)

        wait_for(submit, "Ray's agent")
        job_id = accepted[0]["job_id"]
        path = f"/api/jobs/{job_id}"
        wait_for(lambda: caller.get(path)["state"] in {"failed", "succeeded"}, "the job's end")
        log = caller.get(f"{path}/log")["text"]
        assert "is outside of the folders that may be analysed" in log
        assert "holds no video" in log
        assert caller.post(f"{path}/stop")["state"] == caller.get(path)["state"]
        assert [one["footage"] for one in caller.get("/api/jobs")["jobs"]] == [footage]
        assert caller.get("/api/jobs/archive_none", 404)["error"]["code"] == "not_found"
