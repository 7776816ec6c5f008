"""Archive jobs over HTTP, against a server that speaks as Ray's dashboard does; and against Ray."""

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

SECRET = "c4n4ry"  # noqa: S105 (made up)


@dataclass
class Dashboard:
    """What Ray's dashboard knows."""

    address: str = ""
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    silent: threading.Event = field(default_factory=threading.Event)
    hangs: bool = False
    refuses: int = 0

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


def _handler(known: Dashboard) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if known.hangs:
                known.silent.wait(30)
            parts = self.path.strip("/").split("/")
            if parts == ["api", "version"]:
                self._say({"version": "4", "ray_version": "2.60.0", "ray_commit": "x"})
            elif parts == ["api", "jobs"]:
                self._say(list(known.jobs.values()))
            elif parts[2] not in known.jobs:
                self._say("no such job", 404)
            elif parts[3:] == ["logs"]:
                self._say({"logs": known.logs.get(parts[2], "")})
            else:
                self._say(known.jobs[parts[2]])

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if self.path.endswith("/stop"):
                known.jobs[self.path.split("/")[3]]["status"] = "STOPPED"
                self._say({"stopped": True})
                return
            if known.refuses:
                self._say("No available agent", known.refuses)
                return
            asked = json.loads(body)
            known.add(asked["submission_id"], "PENDING", **asked["metadata"])
            known.jobs[asked["submission_id"]] |= {
                "entrypoint": asked["entrypoint"],
                "runtime_env": asked["runtime_env"],
            }
            self._say({"submission_id": asked["submission_id"], "job_id": None})

        def _say(self, answer: Any, status: int = 200) -> None:
            text = json.dumps(answer).encode()
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
    """A dashboard that answers at an address."""
    known = Dashboard()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(known)) as server:
        known.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield known
        known.silent.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def dashboard() -> Iterator[Dashboard]:
    with ray_dashboard() as known:
        yield known


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


def test_one_file_may_come_with_its_camera_and_start(
    operator: UserClient, dashboard: Dashboard
) -> None:
    body = {
        "footage": ["s3://lessons/2026/a.mp4"],
        "camera": "cam-1",
        "started_at": "2026-03-02T10:00:00+01:00",
    }
    job = operator.post("/api/jobs/archive", 202, json=body)
    words = shlex.split(dashboard.jobs[job["job_id"]]["entrypoint"])
    assert words[5:7] == ["--camera=cam-1", "--started-at=2026-03-02T09:00:00+00:00"]
    operator.post("/api/jobs/archive", 404, json={**body, "camera": "no-such"})


def test_nothing_that_is_named_becomes_a_command() -> None:
    words = ["/srv/a.mp4; rm -rf /", "/srv/$(id)", "/srv/--json", "/srv/'\"\n"]
    assert shlex.split(entrypoint(words, roots=["/a; b"]))[3:] == ["--below=/a; b", "--", *words]


@pytest.mark.parametrize(
    "footage",
    [["/etc/passwd"], ["../secret"], ["s3://lessons/2027/a.mp4"], ["--manifest=/etc/passwd"]],
)
def test_footage_elsewhere_is_refused(
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
def test_a_request_that_cannot_be_is_refused(operator: UserClient, body: Any) -> None:
    operator.post("/api/jobs/archive", 422, json=body)


def test_only_jobs_that_came_through_homeroom_are_known(
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


def test_no_answer_shows_a_credential(operator: UserClient, dashboard: Dashboard) -> None:
    footage = json.dumps([f"s3://key:{SECRET}@lessons/a.mp4"])
    dashboard.add("archive_1", "FAILED", homeroom="analyse_archive", footage=footage)
    dashboard.logs["archive_1"] = f"opening rtsp://viewer:{SECRET}@10.0.0.9/main\n"
    for path in ("", "/archive_1", "/archive_1/log"):
        assert SECRET not in operator.answer("GET", f"/api/jobs{path}").text


def test_a_log_comes_in_parts_of_whole_lines(operator: UserClient, dashboard: Dashboard) -> None:
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


def test_a_job_is_stopped_and_one_that_has_ended_stays_as_it_is(
    operator: UserClient, dashboard: Dashboard
) -> None:
    dashboard.add("archive_1", homeroom="analyse_archive")
    assert operator.post("/api/jobs/archive_1/stop")["state"] == "stopped"
    dashboard.jobs["archive_1"]["status"] = "SUCCEEDED"
    assert operator.post("/api/jobs/archive_1/stop")["state"] == "succeeded"


def test_jobs_come_in_pages(operator: UserClient, dashboard: Dashboard) -> None:
    for number in range(3):
        dashboard.add(f"archive_{number}", homeroom="analyse_archive")
    first = operator.get("/api/jobs", params={"limit": 2})
    second = operator.get("/api/jobs", params={"limit": 2, "cursor": first["next"]})
    assert [one["job_id"] for one in second["jobs"]] == ["archive_2"]
    assert second["next"] is None


def test_a_ray_that_cannot_take_a_job_now_is_said_so(
    operator: UserClient, dashboard: Dashboard
) -> None:
    dashboard.refuses = 500
    body = {"footage": ["s3://lessons/2026/a.mp4"]}
    assert operator.post("/api/jobs/archive", 503, json=body)["error"]["code"] == "service_down"
    dashboard.refuses = 400
    assert operator.post("/api/jobs/archive", 409, json=body)["error"]["code"] == "job_refused"


def test_a_dashboard_that_is_away_is_said_so(school: School) -> None:
    with operator_api(school, "http://127.0.0.1:9") as (_, caller):
        assert caller.get("/api/jobs", 503)["error"]["code"] == "service_down"


def test_a_dashboard_that_hangs_is_given_up(
    operator: UserClient, dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_routes, "LONGEST_WAIT_SECONDS", 0.3)
    dashboard.hangs = True
    assert operator.get("/api/jobs", 503)["error"]["code"] == "service_down"
    operator.get("/api/health")


def test_only_operators_reach_jobs(api_client: ApiClient) -> None:
    api_client.leader.get("/api/jobs", 403)
    api_client.teacher.post("/api/jobs/archive", 403, json={"footage": ["/a"]})


@pytest.mark.ray
@pytest.mark.timeout(300)
@pytest.mark.parametrize("records", ["sqlite"], indirect=True)
def test_ray_itself_takes_runs_tells_and_forgets_nothing(
    school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOMEROOM_SETTINGS", str(write_settings(tmp_path)))
    # Ray looks for its token once in a process, and this one has asked without.
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
        taken: list[dict[str, Any]] = []

        def submit() -> bool:
            answer = caller.answer("POST", "/api/jobs/archive", json={"footage": footage})
            assert answer.status_code in (202, 503), answer.text  # it has just started
            taken.extend([answer.json()] if answer.status_code == 202 else [])
            return bool(taken)

        wait_for(submit, "Ray's agent")
        job_id = taken[0]["job_id"]
        path = f"/api/jobs/{job_id}"
        wait_for(lambda: caller.get(path)["state"] in {"failed", "succeeded"}, "the job's end")
        log = caller.get(f"{path}/log")["text"]
        assert "lies outside of what may be analysed" in log
        assert "holds no video" in log
        assert caller.post(f"{path}/stop")["state"] == caller.get(path)["state"]
        assert [one["footage"] for one in caller.get("/api/jobs")["jobs"]] == [footage]
        assert caller.get("/api/jobs/archive_none", 404)["error"]["code"] == "not_found"
