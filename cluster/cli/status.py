"""`homeroom status`: cameras of a running service, in the terminal.

It calls the HTTP API with an operator's token: from a file, or, on the machine of the service, one
that is issued for the command and revoked when it ends.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import httpx
import typer
from rich.live import Live as LiveDisplay
from rich.markup import escape
from rich.table import Table

from cluster.cli.console import JsonOption, SettingsOption, answer_json, answers
from cluster.cli.installation import operator_actor
from cluster.errors import NotFound, ServiceDown, SettingsError
from cluster.records.db.unit_of_work import open_audited_records
from cluster.records.repos.sign_ins import IssuedSignIn, issue, revoke
from cluster.security.roles import Principal, Role
from cluster.settings import Settings, load_settings

STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""Sent by service managers, and by terminals that are closed."""
TOKEN_LIFETIME = timedelta(hours=12)
TIMEOUT_SECONDS = 10.0
REFRESH_SECONDS = 1.0
PAGE_SIZE = 200
COLOURS = {"live": "green", "starting": "yellow", "stalled": "yellow", "reconnecting": "yellow"}


def status(
    settings: SettingsOption = None,
    address: Annotated[
        str | None, typer.Option(help="URL of the service; from the settings unless given.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="A file with an operator's token.")
    ] = None,
    watch: Annotated[bool, typer.Option(help="Refresh until Ctrl-C.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show cameras: state, frames a second, late and dropped frames, latency."""
    loaded = load_settings(settings)
    with _handle_stop_signals(), _token(loaded, token_file) as token:
        client = httpx.Client(
            base_url=address or loaded.live.address,
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_SECONDS,
        )
        with client:
            if as_json:
                answer_json(_cameras(client))
            elif watch:
                _watch(client)
            else:
                answers.print(_table(_cameras(client)))


def _watch(client: httpx.Client) -> None:
    with LiveDisplay(_table(_cameras(client)), console=answers, auto_refresh=False) as display:
        while True:
            time.sleep(REFRESH_SECONDS)
            display.update(_table(_cameras(client)), refresh=True)


def _cameras(client: httpx.Client) -> dict[str, Any]:
    """Return all pages of the API's response as one.

    Raises:
        ServiceDown: The service does not respond, or responds with an error.
    """
    where = str(client.base_url)
    cameras: list[Any] = []
    next_cursor: str | None = None
    while True:
        parameters: dict[str, str | int] = {"limit": PAGE_SIZE}
        if next_cursor:
            parameters["cursor"] = next_cursor
        try:
            response = client.get("/api/cameras", params=parameters)
        except httpx.HTTPError as error:
            raise ServiceDown(
                f"the service does not respond ({type(error).__name__}).",
                where=where,
                hint="`homeroom serve` starts it.",
            ) from error
        if response.is_error:
            raise ServiceDown(_reason(response), where=where)
        page: dict[str, Any] = response.json()
        cameras += page["cameras"]
        next_cursor = page.get("next")
        if not next_cursor:
            return {"cameras": cameras, "journal": page["journal"]}


def _reason(response: httpx.Response) -> str:
    try:
        return f"{response.json()['error']['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"the service responds with status {response.status_code}."


def _table(response: dict[str, Any]) -> Table:
    journal = response["journal"]
    waiting = f"{journal['waiting']} windows not yet in the lake"
    caption = escape(journal["problem"] or waiting)
    table = Table(title=f"{len(response['cameras'])} cameras", caption=caption)
    for name in ("room", "camera", "state", "frames/s", "read", "late", "dropped", "p95", "note"):
        table.add_column(name)
    for camera in response["cameras"]:
        table.add_row(*_cells(camera))
    return table


def _cells(camera: dict[str, Any]) -> list[str]:
    colour = COLOURS.get(camera["state"], "red")
    p95 = camera["latency_p95_seconds"]
    notes = [camera["detail"]] if camera["state"] != "live" else []
    notes += ["frame is frozen"] if camera["frozen"] else []
    notes += [f"declares {camera['declared_rate']:g}/s"] if camera["rate_is_off"] else []
    notes += [f"{camera['drift']}: {camera['drift_advice']}"] if camera["drift_advice"] else []
    return [
        camera["room_id"],
        camera["camera_id"],
        f"[{colour}]{camera['state']}[/] {camera['reason']}",
        f"{camera['delivered_rate']:.1f}",
        str(camera["frames_read"]),
        str(camera["frames_late"]),
        str(camera["frames_dropped"]),
        "–" if p95 is None else f"{p95:.2f} s",
        escape("; ".join(note for note in notes if note)),
    ]


@contextmanager
def _handle_stop_signals() -> Iterator[None]:
    """Exit in order on stop signals, so that the token is revoked."""

    def exit_in_order(signum: int, _frame: FrameType | None) -> None:
        for each in STOP_SIGNALS:
            signal.signal(each, signal.SIG_IGN)  # a second one must not interrupt
        raise SystemExit(128 + signum)

    previous = {each: signal.signal(each, exit_in_order) for each in STOP_SIGNALS}
    try:
        yield
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)


@contextmanager
def _token(settings: Settings, file: Path | None) -> Iterator[str]:
    if file is not None:
        try:
            yield file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"it cannot be read: {error.strerror}.", where=str(file)) from error
        return
    principal = Principal("operator:status", frozenset({Role.OPERATOR}))
    with open_audited_records(settings) as audited:
        issued: IssuedSignIn | None = None
        try:
            with audited.work(operator_actor()) as work:
                issued = issue(work, principal, expires_in=TOKEN_LIFETIME, label="homeroom status")
            yield issued.text
        finally:
            # If interrupted while it was issued, it may or may not be in the records.
            if issued is not None:
                with suppress(NotFound), audited.work(operator_actor()) as work:
                    revoke(work, issued.id)
