"""Pages over a class of 24: forms of a teacher, and phones of students."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from cluster.checkins.feelings import Feeling
from cluster.records.db.database import Records
from cluster.security.keys import KeyStore
from cluster.settings import Settings
from tests.register.school import LESSON, create_school
from tests.serve_apps.http.api_client import (
    BASE,
    ApiClient,
    InProcessClient,
    open_api_client,
    settings_of,
)

STUDENTS = 24
PAGE = f"/lessons/{LESSON}"
HTML = {"Accept": "text/html"}
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@contextmanager
def classroom(
    records: Records, keys: KeyStore, folder: Path, **checkins: object
) -> Iterator[ApiClient]:
    """Open the pages over a class of 24."""
    school = create_school(records, keys, folder, students=STUDENTS)
    settings = settings_of(folder, school).model_dump(exclude_unset=True)
    settings["cameras"] = [{"id": "cam-1", "room": "room-1", "address": "rtsp://10.0.0.9/main"}]
    school.settings = Settings.model_validate({**settings, "checkins": checkins})
    with open_api_client(school) as api_client:
        yield api_client


@dataclass
class Phone:
    """A phone's browser with cookies of its own and no account."""

    client: InProcessClient
    cookies: dict[str, str] = field(default_factory=dict)
    """Cookies of check-ins, by path."""
    language: str = "en"

    def get(self, path: str) -> httpx.Response:
        return self._send("GET", path)

    def post(self, path: str, **fields: str) -> httpx.Response:
        return self._send("POST", path, data=fields)

    def answer(self, code: str, feeling: Feeling, **more: str) -> httpx.Response:
        self.get(f"/c/{code}")
        return self.post(f"/c/{code}", feeling=feeling.value, **more)

    def request_help(self, code: str, name: str) -> None:
        """Request help under a name of the class list."""
        page = self.get(f"/c/{code}/call").text
        (key,) = re.findall(rf'value="(\w+)">[^<]*{name} ', page)
        assert "informed" in self.post(f"/c/{code}/call", student=key).text

    def _send(self, method: str, path: str, data: dict[str, str] | None = None) -> httpx.Response:
        # As browsers do: by path, case-sensitively.
        cookies = "; ".join(
            f"homeroom-checkin={value}"
            for below, value in self.cookies.items()
            if path == below or path.startswith(f"{below}/")
        )
        headers = {**HTML, **SAME_SITE, "Accept-Language": self.language, "Cookie": cookies}
        answer = self.client.request(method, path, headers=headers, data=data)
        for cookie in answer.cookies.jar:
            self.cookies[cookie.path] = cookie.value or ""
        self.client.http.cookies.clear()  # the client is shared by all phones
        return answer


def submit(
    api_client: ApiClient, action: str, status: int = 303, number: int = 1, **fields: str
) -> str:
    """Send a form of the lesson page as a teacher, without JavaScript."""
    from cluster.security.roles import Role

    caller = api_client.as_role(Role.TEACHER, number=number)
    answer = caller.answer("POST", f"{PAGE}/{action}", headers=HTML, data=fields)
    assert answer.status_code == status, answer.text
    return answer.text


def page_of(
    api_client: ApiClient, path: str = PAGE, status: int = 200, language: str = "en"
) -> str:
    """Return a page as the teacher of the class gets it."""
    headers = {**HTML, "Accept-Language": language}
    answer = api_client.teacher.answer("GET", path, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.text


def code_on(page: str) -> str:
    """Return the check-in's code on a page."""
    (found,) = re.findall(r'class="code">(\w{3}) (\w{3})<', page)
    return "".join(found)


__all__ = ["BASE", "PAGE", "STUDENTS", "Phone", "classroom", "code_on", "page_of", "submit"]
