"""The application as a whole: its OpenAPI document, and what no route may do."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

import serve_apps.http
from cluster.security.roles import Role
from serve_apps.http.app import openapi_document
from serve_apps.http.auth.install import route_table
from tests.serve_apps.http.api_client import ApiClient

pytestmark = pytest.mark.sqlite

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path(serve_apps.http.__file__).parent
DOCUMENT = openapi_document()
OPERATIONS: list[tuple[str, str, dict[str, Any]]] = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if path.startswith("/api/")
]
UNSUITED = {"activity", "share", "shares", "window", "hands", "people", "posture", "track", "box"}
PERSONAL = {"student", "name", "entries", "face", "guardian", "embedding", "track", "box", "seat"}


def resolved(schema: Any) -> Any:
    """A schema with what it refers to in its place."""
    if isinstance(schema, dict) and "$ref" in schema:
        return resolved(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if isinstance(schema, dict):
        return {name: resolved(value) for name, value in schema.items()}
    return [resolved(one) for one in schema] if isinstance(schema, list) else schema


def properties(schema: Any) -> set[str]:
    """The names of all properties in a schema, however deep."""
    found: set[str] = set()
    if isinstance(schema, dict):
        found |= set(schema.get("properties", {}))
        for value in schema.values():
            found |= properties(value)
    elif isinstance(schema, list):
        for one in schema:
            found |= properties(one)
    return found


def words(names: set[str]) -> set[str]:
    return {word for name in names for word in name.split("_")}


def answers(operation: dict[str, Any]) -> dict[str, Any]:
    """The responses of an operation that succeeds."""
    return {k: v for k, v in operation["responses"].items() if k.startswith("2")}


@pytest.mark.parametrize(
    ("path", "method", "operation"), OPERATIONS, ids=[one[2]["operationId"] for one in OPERATIONS]
)
def test_every_operation_has_a_summary_roles_and_an_example(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    assert operation["summary"], path
    assert operation["description"], method
    assert operation["tags"]
    assert set(operation["x-roles"]) <= set(Role)
    (answer,) = answers(operation).values()
    assert all("example" in content for content in answer["content"].values())
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        assert "example" in content or resolved(content["schema"])["examples"], media_type
    for parameter in operation.get("parameters", []):
        assert parameter["description"], parameter["name"]
    for status in ("401", "403", "422", "503"):
        assert resolved(operation["responses"][status])["content"]["application/json"]


def test_operation_ids_are_unique() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)


def test_every_property_of_a_response_is_described() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        if name.endswith("Body") and name != "ErrorBody":
            for key, value in schema.get("properties", {}).items():
                assert value.get("description") or "$ref" in value, f"{name}.{key}"


def test_bodies_reject_unknown_keys() -> None:
    for _, _, operation in OPERATIONS:
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            assert resolved(content["application/json"]["schema"])["additionalProperties"] is False


def test_no_route_ties_activity_to_a_person() -> None:
    for path, _, operation in OPERATIONS:
        parts = words(properties(resolved(answers(operation))))
        if "/register" in path:
            assert not parts & UNSUITED, path
        if path.startswith(("/api/rooms", "/api/cameras", "/api/analyse")):
            assert not parts & (PERSONAL - {"name"}), path


def test_a_school_leader_gets_no_personal_data() -> None:
    for path, _, operation in OPERATIONS:
        if Role.SCHOOL_LEADER in operation["x-roles"] and path != "/api/me":
            names = properties(resolved(answers(operation)))
            assert not names & {"student_id", "entries", "marks", "changes"}, path


def test_register_routes_have_no_activity() -> None:
    for name in ("routes/registers", "schemas/registers", "routes/lessons"):
        tree = ast.parse((FOLDER / f"{name}.py").read_text())
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        for module in modules:
            assert not re.search(
                r"activity|streams|vision|schemas\.rooms|types$|views$", module or ""
            ) or (module == "cluster.register.types")


def test_room_routes_have_no_registers() -> None:
    routes = [f"routes/{name}" for name in ("rooms", "room_events", "analyse", "cameras")]
    for name in (*routes, "schemas/rooms", "services/room_broadcast"):
        text = (FOLDER / f"{name}.py").read_text()
        assert "cluster.register" not in text
        assert "cluster.records" not in text


def test_the_document_needs_no_settings_and_is_served(api_client: ApiClient) -> None:
    answer = api_client.client.request("GET", "/api/openapi.json")
    assert answer.json()["paths"] == DOCUMENT["paths"]
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert api_client.client.request("GET", path).status_code == 404


def test_the_documentation_lists_every_route_with_its_roles(api_client: ApiClient) -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    listed = re.findall(r"^\| (GET|POST|\*) \| `(/\S*?)` \| (.+?) \|", page, re.MULTILINE)
    documented = {(method, path): roles for method, path, roles in listed}
    declared = {}
    for method, path, roles in route_table(api_client.app):
        if method != "HEAD":
            declared[(method, path)] = (
                "everybody"
                if not roles
                else ("every role" if set(roles) == set(Role) else ", ".join(roles))
            )
    assert documented == declared


def test_examples_in_the_documentation_are_json_and_use_only_the_loopback_address() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    blocks = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert len(blocks) > 2
    for block in blocks:
        json.loads(block)
    assert "http://" not in page.replace("http://127.0.0.1:8000", "")


def event_loop_code(function: ast.AsyncFunctionDef) -> str:
    """The code of a function that runs on the event loop: inner functions run in threads."""
    body = [node for node in function.body if not isinstance(node, ast.FunctionDef)]
    return "\n".join(ast.unparse(node) for node in body)


def test_blocking_work_stays_off_the_event_loop() -> None:
    blocking = re.compile(
        r"\b(records|reading|work|run_saved_query|RegisterService|JobSubmissionClient|decode_image)\("
    )
    found = 0
    for file in sorted(FOLDER.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.AsyncFunctionDef):
                found += 1
                assert not blocking.search(event_loop_code(node)), f"{file.name}: {node.name}"
    assert found > 10


def test_a_response_has_security_headers_and_a_request_id(api_client: ApiClient) -> None:
    answer: httpx.Response = api_client.leader.answer("GET", "/api/rooms")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Request-ID"]
