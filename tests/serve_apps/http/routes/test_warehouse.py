"""Saved queries over HTTP: a fixed set, typed parameters, paged results."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from cluster.district import Timetable
from cluster.security.roles import Role
from cluster.warehouse.lake import Lake
from cluster.warehouse.publish import publish
from cluster.warehouse.saved_queries import SAVED_QUERIES
from tests.register.school import School
from tests.serve_apps.http.api_client import ApiClient, UserClient, at, open_api_client
from tests.warehouse.test_lake import run_row

pytestmark = pytest.mark.sqlite

QUERIES = "/api/warehouse/queries"
NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def analyst(school: School) -> Iterator[UserClient]:
    Lake(school.settings.lake_dir).write_run({**run_row("run-1"), "started_at": NINE})
    publish(school.settings, Timetable(), now=NINE)
    with open_api_client(school) as api_client:
        yield api_client.as_role(Role.ANALYST)


def test_all_queries_are_listed_with_their_parameters(analyst: UserClient) -> None:
    listed = analyst.get(QUERIES)["queries"]
    assert [one["name"] for one in listed] == list(SAVED_QUERIES)
    windows = next(one for one in listed if one["name"] == "room_windows")
    assert [one["name"] for one in windows["parameters"]] == ["room_id", "from", "to"]


def test_a_result_is_paged(analyst: UserClient) -> None:
    first = analyst.get(f"{QUERIES}/rooms", params={"limit": 2})
    second = analyst.get(f"{QUERIES}/rooms", params={"limit": 2, "cursor": first["next"]})
    place = first["columns"].index("room_id")
    assert sorted(row[place] for row in first["rows"] + second["rows"]) == [
        "bus",
        "room-1",
        "room-2",
    ]
    assert second["next"] is None
    assert first["published"] == second["published"]


def test_parameters_are_combined_with_paging(analyst: UserClient) -> None:
    found = analyst.get(f"{QUERIES}/rooms", params={"school_id": "dale", "limit": 5})
    assert len(found["rows"]) == 1


@pytest.mark.parametrize(
    ("name", "parameters", "field"),
    [
        ("rooms", {"school": "hill"}, "query.school"),
        ("rooms", {"school_id": ["hill", "dale"]}, "query.school_id"),
        ("rooms", {"school_id": "x' OR 1=1"}, "query.school_id"),
        ("room_windows", {"room_id": "room-1"}, "query.from"),
        ("school_days", {"from": "soon", "to": "2026-03-02"}, "query.from"),
        (
            "room_windows",
            {"room_id": "room-1", "from": "2026-03-02T09:00:00", "to": "2026-03-02T09:00:00Z"},
            "query.from",
        ),
    ],
)
def test_an_invalid_parameter_is_named(
    analyst: UserClient, name: str, parameters: dict[str, str], field: str
) -> None:
    error = analyst.get(f"{QUERIES}/{name}", 422, params=parameters)["error"]
    assert field in [one["where"] for one in error["fields"]]


def test_a_period_that_is_too_long_is_rejected(analyst: UserClient) -> None:
    parameters = {"from": "2020-01-01", "to": "2026-01-01"}
    assert analyst.get(f"{QUERIES}/school_days", 422, params=parameters)["error"]["code"] == (
        "query_refused"
    )


def test_an_unknown_query_is_not_found(analyst: UserClient) -> None:
    analyst.get(f"{QUERIES}/no_such", 404)
    analyst.get(f"{QUERIES}/SELECT 1", 422)


def test_times_of_a_result_are_utc(analyst: UserClient) -> None:
    found = analyst.get(f"{QUERIES}/runs")
    (row,) = found["rows"]
    assert at(row[found["columns"].index("started_at")]) == NINE


def test_a_missing_warehouse_is_not_found(api_client: ApiClient) -> None:
    error = api_client.as_role(Role.ANALYST).get(f"{QUERIES}/rooms", 404)["error"]
    assert error["code"] == "warehouse_not_published"
    assert str(api_client.school.settings.data_dir) not in str(error)


def test_only_analysts_may_query(api_client: ApiClient) -> None:
    for role in (Role.TEACHER, Role.SCHOOL_LEADER, Role.OPERATOR, Role.DATA_PROTECTION):
        api_client.as_role(role, schools=["hill"]).get(QUERIES, 403)
        api_client.as_role(role, schools=["hill"]).get(f"{QUERIES}/rooms", 403)
