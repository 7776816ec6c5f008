"""Two counts on the lesson page: who is marked present, and how many people are seen."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cluster.errors import ServiceDown
from cluster.records.db.database import Records
from cluster.security.keys import KeyStore
from tests.register.school import student
from tests.serve_apps.http.api_client import ApiClient
from tests.serve_apps.http.pages.classroom import PAGE, STUDENTS, classroom, page_of, submit

pytestmark = pytest.mark.sqlite
FRAGMENT = {"X-Homeroom-Fragment": "1", "Accept": "text/html", "Accept-Language": "en"}


@pytest.fixture
def class_client(records: Records, keys: KeyStore, tmp_path: Path) -> Iterator[ApiClient]:
    with classroom(records, keys, tmp_path) as api_client:
        yield api_client


def see(api_client: ApiClient, people: int, **more: Any) -> None:
    """The camera counts people now."""
    api_client.rooms.set_room("room-1", people, **{"as_of": api_client.school.clock.now, **more})


def counts_on(page: str) -> tuple[int, int] | None:
    """Return how many are marked present, and seen; None where the page does not say so."""
    found = re.search(r"Marked present: (\d+) · .*?data-seen>(\d+)<", page)
    return (int(found[1]), int(found[2])) if found else None


def test_an_open_register_shows_how_many_are_marked_and_seen(class_client: ApiClient) -> None:
    see(class_client, 22)
    submit(class_client, "register/open")
    assert counts_on(page_of(class_client)) == (0, 22)
    submit(class_client, "register/mark", tap=f"{student(3)}:absent")
    submit(class_client, "register/mark", tap=f"{student(4)}:late")
    submit(class_client, "register/rest-present")
    assert counts_on(page_of(class_client)) == (STUDENTS - 1, 22)


def test_the_list_that_a_script_fetches_has_both_counts(class_client: ApiClient) -> None:
    see(class_client, 22)
    submit(class_client, "register/open")
    submit(class_client, "register/rest-present")
    answer = class_client.teacher.answer("GET", f"{PAGE}/register", headers=FRAGMENT)
    assert counts_on(answer.text) == (STUDENTS, 22)


def test_a_proposal_of_the_camera_is_not_counted_as_marked(class_client: ApiClient) -> None:
    from tests.serve_apps.http.pages.test_lesson_register import propose

    see(class_client, 22)
    submit(class_client, "register/open")
    propose(class_client, 1, 2)
    assert counts_on(page_of(class_client)) == (0, 22)


@pytest.mark.parametrize("people", [0, 3])
def test_a_headcount_of_a_small_group_is_shown_as_everywhere(
    class_client: ApiClient, people: int
) -> None:
    see(class_client, people)
    submit(class_client, "register/open")
    assert counts_on(page_of(class_client)) == (0, people)


@pytest.mark.parametrize("action", ["none", "register/begin", "register/close"])
def test_without_an_open_register_there_are_no_two_counts(
    class_client: ApiClient, action: str
) -> None:
    see(class_client, 22)
    if action == "register/close":
        submit(class_client, "register/open")
    if action != "none":
        submit(class_client, action)
    page = page_of(class_client)
    assert counts_on(page) is None
    assert "22" in page  # the room's own count is there


@pytest.mark.parametrize(
    "more",
    [{"state": "late"}, {"state": "down"}, {"people": None}, {"as_of": None}, {"state": "off"}],
)
def test_a_count_that_is_not_current_is_not_shown(
    class_client: ApiClient, more: dict[str, Any]
) -> None:
    see(class_client, 22)
    class_client.rooms.rooms["room-1"] = replace(class_client.rooms.rooms["room-1"], **more)
    submit(class_client, "register/open")
    assert counts_on(page_of(class_client)) is None


@pytest.mark.parametrize(("seconds", "is_shown"), [(60, True), (61, False)])
def test_both_counts_are_of_the_same_minute(
    class_client: ApiClient, seconds: int, *, is_shown: bool
) -> None:
    submit(class_client, "register/open")
    see(class_client, 22, as_of=class_client.school.clock.now - timedelta(seconds=seconds))
    assert (counts_on(page_of(class_client)) is not None) == is_shown


def test_a_register_without_a_camera_lacks_nothing(class_client: ApiClient) -> None:
    submit(class_client, "register/open")
    assert counts_on(page_of(class_client)) is None
    class_client.rooms.failing = ServiceDown("it is down.")
    submit(class_client, "register/rest-present")
    assert f"{STUDENTS} of {STUDENTS} present" in page_of(class_client)


def test_the_counts_change_no_entry_and_nothing_is_stored(class_client: ApiClient) -> None:
    submit(class_client, "register/open")

    def read_rows() -> dict[str, list[Any]]:
        from cluster.records.db.models import Base

        with class_client.school.audited.records.reading() as session:
            return {
                name: [tuple(row) for row in session.execute(table.select())]
                for name, table in Base.metadata.tables.items()
                if not name.startswith(("audit", "sign_in"))
            }

    page_of(class_client)
    before = read_rows()
    see(class_client, 3)
    assert counts_on(page_of(class_client)) == (0, 3)
    assert read_rows() == before
