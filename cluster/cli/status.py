"""`homeroom status`: rooms and cameras of a running service, in the terminal.

It asks the HTTP API as an operator does, with a token: one that a file holds, or, on the machine of
the service, one that is made for it and revoked when it ends.
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
from cluster.cli.identity import operator_actor
from cluster.errors import NotFound, ServiceDown, SettingsError
from cluster.records.db.unit_of_work import open_audited_records
from cluster.records.repos.sign_ins import Issued, issue, revoke
from cluster.security.roles import Principal, Role
from cluster.settings import Settings, load_settings

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""What service managers send, and terminals that are closed."""
TOKEN_LIFE = timedelta(hours=12)
TIMEOUT_SECONDS = 10.0
REFRESH_SECONDS = 1.0
PAGE = 200
COLOURS = {"live": "green", "starting": "yellow", "stalled": "yellow", "reconnecting": "yellow"}


def status(
    settings: SettingsOption = None,
    address: Annotated[
        str | None, typer.Option(help="Of the service; what the settings say unless given.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="A file that holds an operator's token.")
    ] = None,
    watch: Annotated[bool, typer.Option(help="Stay, and show changes until Ctrl-C.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the rooms' cameras: state, pictures a second, what is late, and how old numbers are."""
    known = load_settings(settings)
    with _ended_in_order(), _token(known, token_file) as token:
        client = httpx.Client(
            base_url=address or known.live.address,
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
    """All pages of the API's answer, as one.

    Raises:
        ServiceDown: The service does not answer, or refuses.
    """
    where = str(client.base_url)
    cameras: list[Any] = []
    following: str | None = None
    while True:
        parameters: dict[str, str | int] = {"limit": PAGE}
        if following:
            parameters["cursor"] = following
        try:
            answer = client.get("/api/cameras", params=parameters)
        except httpx.HTTPError as error:
            raise ServiceDown(
                f"the service does not answer ({type(error).__name__}).",
                where=where,
                hint="`homeroom serve` starts it.",
            ) from error
        if answer.is_error:
            raise ServiceDown(_reason(answer), where=where)
        page: dict[str, Any] = answer.json()
        cameras += page["cameras"]
        following = page.get("next")
        if not following:
            return {"cameras": cameras, "journal": page["journal"]}


def _reason(answer: httpx.Response) -> str:
    try:
        return f"{answer.json()['error']['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"the service answers {answer.status_code}."


def _table(found: dict[str, Any]) -> Table:
    journal = found["journal"]
    waiting = f"{journal['waiting']} windows on their way to the lake"
    caption = escape(journal["problem"] or waiting)
    table = Table(title=f"{len(found['cameras'])} cameras", caption=caption)
    for name in ("room", "camera", "state", "pictures/s", "read", "late", "dropped", "p95", "note"):
        table.add_column(name)
    for camera in found["cameras"]:
        table.add_row(*_cells(camera))
    return table


def _cells(camera: dict[str, Any]) -> list[str]:
    colour = COLOURS.get(camera["state"], "red")
    p95 = camera["latency_p95_seconds"]
    notes = [camera["detail"]] if camera["state"] != "live" else []
    notes += ["picture stands still"] if camera["frozen"] else []
    notes += [f"declares {camera['declared_rate']:g}/s"] if camera["rate_is_off"] else []
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
def _ended_in_order() -> Iterator[None]:
    """Let signals end the command as Ctrl-C does, so that its token is revoked."""

    def end(signum: int, _frame: FrameType | None) -> None:
        for each in ENDING:
            signal.signal(each, signal.SIG_IGN)  # a second one must not stop the ending
        raise SystemExit(128 + signum)

    before = {each: signal.signal(each, end) for each in ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _token(settings: Settings, file: Path | None) -> Iterator[str]:
    if file is not None:
        try:
            yield file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"it cannot be read: {error.strerror}.", where=str(file)) from error
        return
    who = Principal("operator:status", frozenset({Role.OPERATOR}))
    with open_audited_records(settings) as identity:
        issued: Issued | None = None
        try:
            with identity.work(operator_actor()) as work:
                issued = issue(work, who, expires_in=TOKEN_LIFE, label="homeroom status")
            yield issued.text
        finally:
            # Stopped while it was being issued, it is in the records or it is not.
            if issued is not None:
                with suppress(NotFound), identity.work(operator_actor()) as work:
                    revoke(work, issued.id)
