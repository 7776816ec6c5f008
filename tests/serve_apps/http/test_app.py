"""The application as a whole: what its document says, and what no route may do."""

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
    """What an operation answers when it goes well."""
    return {k: v for k, v in operation["responses"].items() if k.startswith("2")}


@pytest.mark.parametrize(
    ("path", "method", "operation"), OPERATIONS, ids=[one[2]["operationId"] for one in OPERATIONS]
)
def test_every_operation_says_what_it_is_who_may_and_gives_an_example(
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


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)


def test_every_property_of_an_answer_is_described() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        if name.endswith("Body") and name != "ErrorBody":
            for key, value in schema.get("properties", {}).items():
                assert value.get("description") or "$ref" in value, f"{name}.{key}"


def test_bodies_refuse_what_they_do_not_know() -> None:
    for _, _, operation in OPERATIONS:
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            assert resolved(content["application/json"]["schema"])["additionalProperties"] is False


def test_no_route_ties_what_is_done_to_a_person() -> None:
    for path, _, operation in OPERATIONS:
        known = words(properties(resolved(answers(operation))))
        if "/register" in path:
            assert not known & UNSUITED, path
        if path.startswith(("/api/rooms", "/api/cameras", "/api/analyse")):
            assert not known & (PERSONAL - {"name"}), path


def test_a_school_leader_gets_no_person() -> None:
    for path, _, operation in OPERATIONS:
        if Role.SCHOOL_LEADER in operation["x-roles"] and path != "/api/me":
            known = properties(resolved(answers(operation)))
            assert not known & {"student_id", "entries", "marks", "changes"}, path


def test_the_register_routes_know_nothing_of_activity() -> None:
    for name in ("routes/registers", "schemas/registers", "routes/lessons"):
        tree = ast.parse((FOLDER / f"{name}.py").read_text())
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        for module in modules:
            assert not re.search(
                r"activity|streams|vision|schemas\.rooms|types$|views$", module or ""
            ) or (module == "cluster.register.types")


def test_the_room_routes_know_nothing_of_registers() -> None:
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
    told = {(method, path): roles for method, path, roles in listed}
    made = {}
    for method, path, roles in route_table(api_client.app):
        if method != "HEAD":
            made[(method, path)] = (
                "everybody"
                if not roles
                else ("every role" if set(roles) == set(Role) else ", ".join(roles))
            )
    assert told == made


def test_the_examples_of_the_documentation_are_json_and_name_this_machine_alone() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    blocks = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert len(blocks) > 2
    for block in blocks:
        json.loads(block)
    assert "http://" not in page.replace("http://127.0.0.1:8000", "")


def waiting_text(function: ast.AsyncFunctionDef) -> str:
    """What a function does on the event loop: without functions in it, which threads run."""
    body = [node for node in function.body if not isinstance(node, ast.FunctionDef)]
    return "\n".join(ast.unparse(node) for node in body)


def test_blocking_work_stays_off_the_event_loop() -> None:
    blocking = re.compile(r"\b(records|reading|work|ask|Roll|JobSubmissionClient|decoded)\(")
    found = 0
    for file in sorted(FOLDER.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.AsyncFunctionDef):
                found += 1
                assert not blocking.search(waiting_text(node)), f"{file.name}: {node.name}"
    assert found > 10


def test_an_answer_carries_the_safe_headers_and_a_request_id(api_client: ApiClient) -> None:
    answer: httpx.Response = api_client.leader.answer("GET", "/api/rooms")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Request-ID"]
