"""No request makes the API fail, and every response conforms to the OpenAPI document.

Schemathesis makes requests from the document, right ones and wrong ones, for somebody in all roles.
"""

import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as effort
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cluster.district import Timetable
from cluster.records.db.database import Records
from cluster.security.keys import KeyStore
from cluster.security.master_key import KEY_BYTES, LocalMasterKey
from cluster.security.roles import Role
from cluster.warehouse.publish import publish
from serve_apps.http.app import openapi_document
from tests.databases import sqlite_url
from tests.plugins.hypothesis_profiles import examples
from tests.register.school import LESSON, MONDAY, create_school, student
from tests.serve_apps.http.api_client import (
    PATIENCE_SECONDS,
    camera_status,
    open_api_client,
    served,
    settings_of,
)
from tests.serve_apps.http.routes.test_analyse import seated
from tests.serve_apps.http.routes.test_jobs import ray_dashboard

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured]


EXAMPLES = examples(15)
SCHEMA = schemathesis.openapi.from_dict(openapi_document())
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ENDLESS = "/api/rooms/events"
OPERATIONS = {
    operation.label: operation
    for found in SCHEMA.get_all_operations()
    if isinstance(found, Ok) and (operation := found.ok())
    if operation.path.startswith("/api/") and operation.path != ENDLESS
}
THERE = {
    "room_id": "room-1",
    "lesson_id": LESSON,
    "camera_id": "cam-1",
    "job_id": "archive_1",
    "name": "rooms",
}
"""What a path may name that is there."""


@dataclass(frozen=True)
class Service:
    """The API behind a real server, and a caller with all roles."""

    address: str
    token: str
    session: requests.Session


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    shutil.copyfile(migrated_sqlite, folder / "records.sqlite")
    records = Records(sqlite_url(folder / "records.sqlite"))
    keys = KeyStore(folder / "keys", LocalMasterKey(secrets.token_bytes(KEY_BYTES)))
    school = create_school(records, keys, folder)
    school.open()
    school.consent(1)
    with ray_dashboard() as dashboard, requests.Session() as session:
        dashboard.add("archive_1", homeroom="analyse_archive", footage="[]")
        settings = settings_of(folder, school)
        archive = settings.archive.model_copy(update={"dashboard": dashboard.address})
        school.settings = settings.model_copy(update={"archive": archive})
        publish(school.settings, Timetable(), now=MONDAY)
        with open_api_client(school) as api_client, served(api_client.app) as address:
            api_client.pose.people = seated(12)
            api_client.rooms.statuses = [camera_status("cam-1")]
            for name in school.settings.rooms_by_id:
                api_client.rooms.set_room(name, 20)
                api_client.rooms.finish(name, 20)
            token = api_client.token(*Role, schools=["hill", "dale"])
            yield Service(address, token, session)
    records.close()


@pytest.mark.parametrize("label", OPERATIONS)
@pytest.mark.parametrize("named", [True, False], ids=["there", "anywhere"])
def test_no_request_is_an_internal_error(service: Service, label: str, named: bool) -> None:
    operation = OPERATIONS[label]
    if named and "{" not in operation.path:
        pytest.skip("its path has no parameter")

    @seed(7)
    @effort(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def call(case: Any) -> None:
        if named:
            case.path_parameters |= {k: v for k, v in THERE.items() if f"{{{k}}}" in case.path}
        case.call_and_validate(
            base_url=service.address,
            session=service.session,
            headers={"Authorization": f"Bearer {service.token}"},
            timeout=PATIENCE_SECONDS,
            checks=CHECKS,
        )

    call()


STRANGE = [
    "\0",
    "\ud800",
    "é" * 300,
    "٣",
    "null",
    "-1",
    "1e999",
    "' OR 1=1 --",
    "%2e%2e",
    "\r\nX: y",
]


@pytest.mark.parametrize("text", STRANGE, ids=ascii)
def test_strange_texts_in_every_parameter_are_rejected_or_answered(
    service: Service, text: str
) -> None:
    headers = {"Authorization": f"Bearer {service.token}"}
    written = quote(text.encode("utf-8", "surrogatepass"), safe="")
    for operation in OPERATIONS.values():
        path = operation.path
        for name, there in THERE.items():
            path = path.replace(f"{{{name}}}", there)
        query = "&".join(f"{one.name}={written}" for one in operation.query)
        bodies: list[Any] = [None, text, [text], {text: text}]
        if operation.method == "post":
            bodies += [{"marks": {text: "late"}}, {"marks": {student(1): text}}, {"badge": text}]
            bodies += [{"footage": [text]}, {"version": text}, {"except": {text: text}}]
        for body in bodies:
            for address in (f"{path}?{query}", path):
                found = service.session.request(
                    operation.method,
                    service.address + address,
                    headers=headers,
                    json=body,
                    timeout=PATIENCE_SECONDS,
                )
                assert found.status_code < 500, (operation.label, address, body, found.text)
