"""The live service on a Ray cluster of two nodes, as Ray's users run it: `serve deploy`.

One cluster for all tests of this file, which run in their order; each leaves the service running
on the remaining nodes.
"""

import json
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx
import psutil
import pytest
import yaml

from cluster.demo.lesson_video import HEIGHT, WIDTH, frames_of_photo, group_photo
from tests.conftest import write_video
from tests.deploy.test_dashboard import ALLOWED_LABELS, DASHBOARD
from tests.ports import free_port
from tests.serve_apps.ray_nodes import (
    BIN,
    ROOT,
    RayNodes,
    processes,
    ray_head,
    slow_client_middlewares,
)
from tests.serve_apps.running_service import Service, is_up, until

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

WINDOW_SECONDS = 10
LIVE_CAMERAS = {"cam-1", "cam-2"}
MAX_STREAMS = 10
"""Event streams that one caller may have at a time."""

CREDENTIAL = "a-password-of-a-camera"
REPLACED = [f"ServeReplica:homeroom:{name}" for name in ("Api", "Rooms", "Registers", "PoseModel")]
RAY_LABELS = {"Component", "NodeAddress", "SessionName", "Version", "WorkerId", "le"}
MANY_ROOMS = "".join(
    f'[[rooms]]\nid = "hall-{number}"\nschool = "hill"\nname = "{"A long name " * 16}"\n'
    for number in range(400)
)
"""Their first states fill the socket buffers between the proxy and a client that reads nothing."""


@pytest.fixture(scope="module")
def nodes() -> Iterator[RayNodes]:
    callback = f"{slow_client_middlewares.__module__}:{slow_client_middlewares.__name__}"
    extra = {
        "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": callback,
        "HOMEROOM_LIVE__CAMERAS_PER_READER": "1",
    }
    with ray_head(cameras=3, extra=extra) as nodes:
        nodes.join(cameras=3)
        yield nodes


@pytest.fixture(scope="module")
def service(nodes: RayNodes, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """Deployed once; two cameras that play a video, and one that is unreachable."""
    folder = tmp_path_factory.mktemp("district")
    (folder / "data").mkdir()
    frames = frames_of_photo(group_photo(), 4.0, 10)
    options = {"g": "20", "preset": "ultrafast"}
    video = str(
        write_video(
            folder / "lesson.mp4", frames=frames, rate=10, size=(WIDTH, HEIGHT), options=options
        )
    )
    service = Service(folder, free_port(), nodes.nodes[0], MANY_ROOMS)
    service.write_settings([video, video, f"rtsp://viewer:{CREDENTIAL}@127.0.0.1:9/main"])
    deploy(nodes, service, "first")
    until(lambda: is_up(service), "the service")
    until(lambda: are_live(service), "both rooms")
    return service


def deploy(nodes: RayNodes, service: Service, revision: str) -> None:
    """Run `serve deploy` on deploy/serve.yaml with these settings, a free port and a revision."""
    config = yaml.safe_load((ROOT / "deploy" / "serve.yaml").read_text())
    config["http_options"]["port"] = service.port
    (application,) = config["applications"]
    settings = str(service.folder / "homeroom.toml")
    application["args"] = {"settings": settings, "revision": revision}
    file = service.folder / "serve.yaml"
    file.write_text(yaml.safe_dump(config))
    done = nodes.run("serve", "deploy", f"--address={nodes.dashboard}", file)
    assert done.returncode == 0, done.stderr


def are_live(service: Service) -> bool:
    rooms = [service.get(f"/api/rooms/room-{number}")["state"] for number in (1, 2)]
    return rooms == ["live", "live"]


def readers(service: Service) -> dict[str, str]:
    """Return the reader of each camera."""
    cameras = service.get("/api/cameras", role="operator")["cameras"]
    return {camera["camera_id"]: camera["reader_id"] for camera in cameras}


def windows_of(service: Service, camera_id: str) -> list[int]:
    return sorted(start for camera, start in service.journal() if camera == camera_id)


def until_windows(service: Service, count: int) -> None:
    """Wait until both cameras have a number of further windows."""
    newest = {camera: max(windows_of(service, camera), default=0) for camera in LIVE_CAMERAS}

    def have_arrived() -> bool:
        return all(
            sum(start > newest[camera] for start in windows_of(service, camera)) >= count
            for camera in LIVE_CAMERAS
        )

    until(have_arrived, f"{count} windows of each camera")


def pids(nodes: RayNodes) -> dict[str, list[int]]:
    return {name: [one.pid for one in processes(nodes.nodes, name)] for name in REPLACED}


def are_replaced(nodes: RayNodes, before: dict[str, list[int]]) -> bool:
    """Whether each deployment has one replica again, and a different one."""
    now = pids(nodes)
    return all(len(now[name]) == 1 and now[name] != before[name] for name in REPLACED)


@contextmanager
def availability_probe(service: Service) -> Iterator[Callable[[], float]]:
    """Poll a room during the block; yields a function that returns the longest gap, in seconds."""
    headers = service.headers("school_leader")
    stopped, last, longest = threading.Event(), time.monotonic(), 0.0

    def poll() -> None:
        nonlocal last, longest
        while not stopped.wait(0.2):
            with suppress(httpx.HTTPError):
                answer = httpx.get(f"{service.url}/api/rooms/room-1", headers=headers, timeout=2)
                now = time.monotonic()
                if answer.status_code == httpx.codes.OK:
                    longest, last = max(longest, now - last), now

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield lambda: max(longest, time.monotonic() - last)
    finally:
        stopped.set()
        thread.join()


def test_a_deployed_service_reads_cameras_on_both_nodes(nodes: RayNodes, service: Service) -> None:
    assert service.get("/api/health")["status"] == "ok"
    assert [len(processes([node], "StreamReader")) > 0 for node in nodes.nodes] == [True, True]
    until_windows(service, 1)


def test_prometheus_gets_all_metrics_without_a_person_or_a_secret(
    nodes: RayNodes, service: Service
) -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    expected_names = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"ray_homeroom_\w+", target["expr"])
        # exported only once a register is open or a frame is late
        if not re.search(r"register_|model_late", name)
    }
    expected_names.add("ray_homeroom_windows_total")

    def all_exported() -> list[str] | None:
        """Each process exports its metrics some time after they change."""
        lines = exported(nodes)
        seen = {word for line in lines for word in re.findall(r'camera="[^"]+"|state="live"', line)}
        expected = {'state="live"', *(f'camera="{camera}"' for camera in LIVE_CAMERAS)}
        return lines if expected_names <= set(names(lines)) and expected <= seen else None

    lines = until(all_exported, "all metrics of the dashboard")
    labels = {label for line in lines for label in re.findall(r'(\w+)="', line)}
    own_labels = {label for label in labels - RAY_LABELS if not label.startswith("otel_scope_")}
    assert own_labels == ALLOWED_LABELS
    text = "\n".join(lines)
    for secret in (CREDENTIAL, "viewer", "rtsp:", "lesson.mp4", str(service.folder)):
        assert secret not in text


def names(lines: list[str]) -> Iterator[str]:
    return (line.partition("{")[0] for line in lines)


def exported(nodes: RayNodes) -> list[str]:
    """Homeroom's metrics of every node, found as `ray metrics launch-prometheus` does."""
    found = json.loads((nodes.folder / "prom_metrics_service_discovery.json").read_text())
    addresses = [address for group in found for address in group["targets"]]
    texts = [httpx.get(f"http://{address}/metrics", timeout=10).text for address in addresses]
    return [
        line for text in texts for line in text.splitlines() if line.startswith("ray_homeroom_")
    ]


def test_clients_that_read_nothing_are_disconnected_and_cost_little(
    nodes: RayNodes, service: Service
) -> None:
    (proxy,) = processes(nodes.nodes, "ProxyActor")
    before = memory(proxy)
    with ExitStack() as connected:
        for _ in range(MAX_STREAMS):
            connected.enter_context(silent_client(service))
        until(
            lambda: stream_status(service) == httpx.codes.TOO_MANY_REQUESTS,
            "all streams to be open",
        )
        assert are_live(service)
        until(lambda: stream_status(service) == httpx.codes.OK, "one of them to be disconnected")
        assert are_live(service)
        until(lambda: not connections(proxy, service.port), "all connections to be dropped")
    assert memory(proxy) - before < 64 * 2**20


def connections(proxy: psutil.Process, port: int) -> list[Any]:
    """Return the connections to the service's port."""
    return [one for one in proxy.net_connections() if one.laddr.port == port and one.raddr]


def memory(process: psutil.Process) -> int:
    return int(process.memory_info().rss)


@contextmanager
def silent_client(service: Service) -> Iterator[None]:
    """Connect a client that requests events and reads none, with the smallest buffers."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        client.connect(("127.0.0.1", service.port))
        token = service.headers("school_leader")["Authorization"]
        lines = ["GET /api/rooms/events HTTP/1.1", "Host: 127.0.0.1", f"Authorization: {token}"]
        client.sendall("\r\n".join([*lines, "", ""]).encode())
        yield


def stream_status(service: Service) -> int:
    """Open another stream of the same caller, and return its HTTP status."""
    url, headers = f"{service.url}/api/rooms/events", service.headers("school_leader")
    with httpx.stream("GET", url, headers=headers, timeout=10) as answer:
        return answer.status_code


def test_a_redeployment_replaces_every_replica_and_loses_no_window(
    nodes: RayNodes, service: Service
) -> None:
    until_windows(service, 1)
    before, readers_before = pids(nodes), readers(service)
    with availability_probe(service) as longest_gap:
        deploy(nodes, service, "second")
        until(lambda: are_replaced(nodes, before), "new replicas")
        until_windows(service, 2)
        assert longest_gap() < 20
    assert readers(service) == readers_before
    for camera in LIVE_CAMERAS:
        starts = windows_of(service, camera)
        assert starts == list(range(starts[0], starts[-1] + WINDOW_SECONDS, WINDOW_SECONDS))


def test_the_cameras_of_a_dead_node_are_read_on_another(nodes: RayNodes, service: Service) -> None:
    before = readers(service)
    head, worker = nodes.nodes
    kept = len(processes([head], "StreamReader"))
    has_model = bool(processes([head], "ServeReplica:homeroom:PoseModel"))
    killed_at = time.time()
    nodes.kill(worker)
    nodes.nodes.remove(worker)

    def moved() -> set[str]:
        now = readers(service)
        assert None not in now.values()
        return {camera for camera in now if now[camera] != before[camera]}

    until(lambda: len(moved()) == len(before) - kept and are_live(service), "the cameras")
    assert len(processes([head], "StreamReader")) == len(before)
    live_again_at = time.time()
    until_windows(service, 1)
    for camera in LIVE_CAMERAS - moved():
        starts = windows_of(service, camera)
        missing = set(range(starts[0], starts[-1] + WINDOW_SECONDS, WINDOW_SECONDS)) - set(starts)
        if has_model:
            assert not missing
        else:  # there is no window where the model was down all through it
            assert all(killed_at - 2 < s < live_again_at - WINDOW_SECONDS for s in missing)


def test_serve_run_starts_the_same_application_and_ctrl_c_stops_it(
    nodes: RayNodes, service: Service
) -> None:
    before = pids(nodes)
    settings = service.folder / "homeroom.toml"
    arguments = ["--name=homeroom", "serve_apps.app:build", f"settings={settings}"]
    with (service.folder / "run.log").open("wb") as log:
        run = subprocess.Popen(
            [BIN / "serve", "run", *arguments], env=nodes.environment, stdout=log, stderr=log
        )
    try:
        until(lambda: are_replaced(nodes, before), "the replicas of `serve run`")
        until(lambda: is_up(service) and are_live(service), "the rooms")
        run.send_signal(signal.SIGINT)
        assert run.wait(60) == 0
    finally:
        run.kill()
        run.wait()
    assert not any(pids(nodes).values())
    with pytest.raises(httpx.ConnectError):
        is_up(service)
