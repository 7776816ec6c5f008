"""The live service on one machine, from Ray to HTTP, as `homeroom serve` starts it.

    python -m serve_apps.server --settings homeroom.toml

Ray is started here, for this service alone and with its own token, unless RAY_ADDRESS names a
cluster. On Ctrl-C or SIGTERM the readers finish their windows, then everything stops.
"""

import ipaddress
import logging
import os
import signal
import socket
import sys
import threading
from contextlib import ExitStack, closing
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import ray
import typer
from ray import serve
from ray.serve.config import HTTPOptions, ProxyLocation
from ray.serve.exceptions import RayServeException
from rich.console import Console
from rich.markup import escape

from cluster.errors import HomeroomError, RayError, SettingsError
from cluster.runtime.exit_status import EXIT_FAILED
from cluster.runtime.logging import configure_logging
from cluster.runtime.ray_local import (
    MEBIBYTE,
    MIN_STORE_BYTES,
    choose_store_bytes,
    join_ray,
    start_local_ray,
)
from cluster.settings import LiveSettings, Settings, load_settings
from serve_apps.app import APP, Arguments, build
from serve_apps.deployments.logging_config import SERVE_LOGGING
from serve_apps.http.middleware.slow_clients import PROXY_ENVIRONMENT

STORE_BYTES = 512 * MEBIBYTE
DRAIN_TIMEOUT_SECONDS = 70.0

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    settings: Annotated[
        Path | None, typer.Option(help="The settings file; homeroom.toml unless given.")
    ] = None,
) -> None:
    """Run the live service until Ctrl-C: cameras, rooms, registers and the HTTP API."""
    console = Console(stderr=True)
    configure_logging()
    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    try:
        run(settings, console)
    except HomeroomError as error:
        console.print(f"[red]Error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        raise typer.Exit(EXIT_FAILED) from None


def run(path: Path | None, console: Console) -> None:
    """Start the service, and wait for a signal to stop.

    Raises:
        SettingsError: The settings are invalid, would expose the service without TLS, or name a
            port that is in use.
        RayError: Ray or the service cannot be started, or the cluster cannot be joined.
    """
    settings = load_settings(path)
    options = http_options(settings.live)
    stop = _stop_on_signals()
    with ExitStack() as cleanup:
        with console.status("starting"):
            _start_or_join_ray(settings, cleanup)
            serve.start(
                proxy_location=ProxyLocation.HeadOnly,
                http_options=options,
                logging_config=SERVE_LOGGING,
            )
            try:
                serve.run(
                    build(Arguments(settings=str(path) if path else None)),
                    name=APP,
                    route_prefix="/",
                )
            except RuntimeError as error:
                raise RayError(
                    f"the service does not start: {error}",
                    hint="Its reasons are in Ray's logs, below /tmp/ray/session_latest/logs/serve.",
                ) from error
            if "RAY_ADDRESS" in os.environ:
                cleanup.callback(serve.delete, APP)
            cleanup.callback(_drain)
        console.print(
            f"Homeroom runs at {settings.live.address} (Ctrl-C ends it).",
            highlight=False,
            soft_wrap=True,
        )
        stop.wait()
        console.print("Ending: windows in progress are finished first.", highlight=False)


def http_options(live: LiveSettings) -> HTTPOptions:
    """Return the address and TLS files that the service listens with.

    Raises:
        SettingsError: Other machines could connect without TLS and without a declared proxy, or
            the port is in use.
    """
    if (live.tls_certificate is None) != (live.tls_key is None):
        raise SettingsError("live.tls_certificate and live.tls_key go together.")
    for file in (live.tls_certificate, live.tls_key):
        if file is not None and not file.is_file():
            raise SettingsError("there is no such file.", where=str(file))
    if not _is_loopback(live.host) and live.tls_certificate is None and not live.behind_proxy:
        raise SettingsError(
            f"live.host is {live.host!r}, which other machines can reach, without TLS.",
            hint="Set live.tls_certificate and live.tls_key, or live.behind_proxy where a reverse "
            "proxy ends TLS.",
        )
    _check_port_free(live)
    return HTTPOptions(
        host=live.host,
        port=live.port,
        ssl_certfile=str(live.tls_certificate) if live.tls_certificate else None,
        ssl_keyfile=str(live.tls_key) if live.tls_key else None,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_port_free(live: LiveSettings) -> None:
    family = socket.AF_INET6 if ":" in live.host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((live.host, live.port))
        except OSError as error:
            raise SettingsError(
                f"port {live.port} of {live.host} is not available: {error.strerror}.",
                hint="Another service uses it, perhaps a second Homeroom; or set live.port.",
            ) from error


def _start_or_join_ray(settings: Settings, cleanup: ExitStack) -> None:
    address = os.environ.get("RAY_ADDRESS")
    if address:
        cleanup.callback(ray.shutdown)
        join_ray(address, log_to_driver=False)
        return
    options: dict[str, Any] = {"include_dashboard": False}
    if settings.archive.footage_roots:  # jobs are submitted to the dashboard
        host, port = _dashboard_address(settings)
        options = {"include_dashboard": True, "dashboard_host": host, "dashboard_port": port}
    os.environ.update(PROXY_ENVIRONMENT)  # Ray's processes inherit it
    cleanup.callback(ray.shutdown)
    start_local_ray(
        choose_store_bytes(STORE_BYTES, MIN_STORE_BYTES), log_to_driver=False, **options
    )


def _dashboard_address(settings: Settings) -> tuple[str, int]:
    host, _, port = settings.archive.dashboard.removeprefix("http://").partition(":")
    if not _is_loopback(host) or not port.isdecimal():
        raise SettingsError(
            f"archive.dashboard is {settings.archive.dashboard!r}; a Ray that is started here "
            "listens to this machine alone.",
            hint="Set http://127.0.0.1:8265, or RAY_ADDRESS for a cluster.",
        )
    return host, int(port)


def _drain() -> None:
    """Have the readers finish their windows."""
    try:
        handle = serve.get_deployment_handle("Rooms", APP)
        handle.drain.remote().result(timeout_s=DRAIN_TIMEOUT_SECONDS)
    except (TimeoutError, ray.exceptions.RayError, RayServeException, RuntimeError) as error:
        Console(stderr=True).print(
            f"Windows in progress could not be finished: {type(error).__name__}."
        )


def _stop_on_signals() -> threading.Event:
    """Return an event that SIGINT and SIGTERM set."""
    stop = threading.Event()

    def on_signal(_signum: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    return stop


if __name__ == "__main__":
    sys.exit(app())
