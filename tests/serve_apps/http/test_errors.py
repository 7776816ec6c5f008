"""One format for every error: messages of callers' errors, and only the kind of internal ones."""

import logging
from collections.abc import Iterator
from http import HTTPStatus

import httpx
import pytest
from fastapi import FastAPI, WebSocket

from cluster.errors import HomeroomError, RecordsBusy
from cluster.security.roles import Role
from serve_apps.http.auth.install import PUBLIC, install
from serve_apps.http.errors import ERROR_POLICIES, ERRORS, ErrorBody
from tests.register.school import School
from tests.serve_apps.http.auth_app import WATCHERS, AuthApp, bearer, build_auth_app, calling
from tests.test_errors import KINDS

PLACE, HINT, WHAT = "/a/place", "Do this.", "it is told."


@pytest.fixture
def auth_app(sqlite_school: School) -> AuthApp:
    return build_auth_app(sqlite_school)


@pytest.fixture
def client(auth_app: AuthApp) -> Iterator[httpx.Client]:
    with calling(auth_app.app) as opened:
        yield opened


def error_of(answer: httpx.Response) -> dict[str, object]:
    """Return the error, after checking its format and its request id."""
    ErrorBody.model_validate(answer.json())
    error: dict[str, object] = answer.json()["error"]
    assert error["request_id"] == answer.headers["X-Request-ID"]
    assert None not in error.values()
    return error


def test_every_kind_of_error_has_a_policy() -> None:
    assert set(ERROR_POLICIES) == {HomeroomError, *KINDS}


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("NotFound", 404),
        ("NotAllowed", 403),
        ("NotSignedIn", 401),
        ("RegisterChanged", 409),
        ("RegisterError", 409),
        ("BadgeRefused", 422),
        ("TooManyRequests", 429),
        ("ServiceBusy", 503),
        ("ServiceDown", 503),
        ("RecordsBusy", 503),
        ("NotPublished", 404),
        ("QueryRefused", 422),
        ("JobError", 409),
        ("SettingsError", 500),
    ],
)
def test_a_kind_of_error_has_its_status(client: httpx.Client, kind: str, status: int) -> None:
    assert client.get(f"/fails/{kind}").status_code == status


def test_every_kind_has_the_error_format_and_only_errors_of_callers_their_message(
    client: httpx.Client,
) -> None:
    for kind, policy in ERROR_POLICIES.items():
        answer = client.get(f"/fails/{kind.__name__}")
        error = error_of(answer)
        assert answer.status_code == policy.status
        assert error["code"] == kind.code
        if policy.exposes_message:
            assert (error["detail"], error["where"], error["hint"]) == (WHAT, PLACE, HINT)
        else:
            assert PLACE not in answer.text
            assert WHAT not in answer.text
            assert error["detail"] == (kind.__doc__ or "").splitlines()[0]
        retry = answer.headers.get("Retry-After")
        assert retry == (None if policy.retry_after is None else str(policy.retry_after))
        assert (retry is not None) == (answer.status_code in (429, 503))


def test_internal_errors_are_logged_with_the_request_id(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    request_id = error_of(client.get("/fails/RecordsBusy"))["request_id"]
    [line] = [one for one in caplog.messages if "records_busy" in one]
    assert str(request_id) in line
    assert PLACE in line


def test_an_unexpected_exception_exposes_only_the_request_id(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.get("/broken", params={"word": "c4n4ry"})
    assert answer.status_code == 500
    error = error_of(answer)
    assert error["code"] == "internal"
    assert not any(word in answer.text for word in ("c4n4ry", "LookupError", "Traceback", ".py"))
    assert f"request {error['request_id']} failed" in caplog.text
    assert "LookupError" in caplog.text


def test_an_unknown_path_and_an_unsupported_method(client: httpx.Client) -> None:
    missing, wrong = client.get("/nowhere"), client.delete("/everybody")
    assert (missing.status_code, error_of(missing)["code"]) == (404, "not_found")
    assert (wrong.status_code, error_of(wrong)["code"]) == (405, "method_not_allowed")
    assert wrong.headers["Allow"] == "GET"


def test_invalid_fields_of_a_body_are_named_and_their_values_not_repeated(
    auth_app: AuthApp, client: httpx.Client
) -> None:
    headers = bearer(auth_app.token(Role.TEACHER))
    answer = client.post(WATCHERS, json={"status": "c4n4ry"}, headers=headers)
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (422, "request_invalid")
    [field] = answer.json()["error"]["fields"]
    assert field["where"] == "body.status"
    assert "integer" in field["problem"]
    assert "c4n4ry" not in answer.text
    for body in (b'{"status": "c4n4ry', b"\xff\xfe", b"[1,2", b""):
        broken = client.post(WATCHERS, content=body, headers=headers)
        assert broken.status_code in (400, 422)
        error_of(broken)
        assert "c4n4ry" not in broken.text


def test_a_validators_message_that_repeats_the_input_is_replaced() -> None:
    from pydantic import BaseModel, field_validator

    class Word(BaseModel):
        word: str

        @field_validator("word")
        @classmethod
        def _never(cls, value: str) -> str:
            raise ValueError(f"{value} is wrong")

    app = FastAPI(docs_url=None, redoc_url=None)

    async def take(word: Word) -> str:
        return word.word

    app.add_api_route("/take", take, methods=["POST"], dependencies=[PUBLIC])
    from cluster.settings import Settings

    install(app, Settings())
    with calling(app) as client:
        answer = client.post("/take", json={"word": "c4n4ry"})
    assert answer.json()["error"]["fields"] == [{"where": "body.word", "problem": "value_error"}]


def test_an_error_in_a_websocket_closes_it_with_the_errors_code() -> None:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    from cluster.settings import Settings

    app = FastAPI(docs_url=None, redoc_url=None)

    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        raise RecordsBusy("c4n4ry")

    app.add_api_websocket_route("/talk", talk, dependencies=[PUBLIC])
    install(app, Settings())
    with calling(app) as client:
        address = f"ws://{client.base_url.netloc.decode()}/talk"
        with connect(address) as socket, pytest.raises(ConnectionClosed) as closed:
            socket.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "records_busy")


def test_every_status_of_a_policy_can_be_documented() -> None:
    stated = {int(status) for status in ERRORS}
    assert {int(policy.status) for policy in ERROR_POLICIES.values()} <= stated
    assert {400, 405, 413, 421, 422} <= stated
    assert all(HTTPStatus(status) for status in stated)
