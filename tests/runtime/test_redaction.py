"""Credentials are redacted in any text, and other text is unchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.runtime.redaction import redact_credentials


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("rtsp://u:p@h:554/x", "rtsp://***@h:554/x"),
        ("no such stream: 'rtsp://u:p@h/x' (404)", "no such stream: 'rtsp://***@h/x' (404)"),
        ("rtsp://u:p@ss/w'o\"rd#?@h/x", "rtsp://***@h/x"),
        ("http://h/v?user=me&pwd=p&res=1", "http://h/v?user=***&pwd=***&res=1"),
        ("http://h/v?a=1&access_token=t'o\"k#n", "http://h/v?a=1&access_token=***"),
        ("http://h/v?PassWord=x;api_key=y&n=2", "http://h/v?PassWord=***&n=2"),
        ("u:p@h:554 does not answer", "***@h:554 does not answer"),
        (
            "GET /v\r\nAuthorization: Basic dTpw\r\nHost: h",
            "GET /v\r\nAuthorization: ***\r\nHost: h",
        ),
        ("rtsp://u:p@h/1 and rtsp://v:q@i/2", "rtsp://***@h/1 and rtsp://***@i/2"),
    ],
)
def test_credentials_are_redacted_in_any_text(text: str, redacted: str) -> None:
    assert redact_credentials(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "camera cam1 is live (pictures_arrive)",
        "rtsp://cam.example:8554/Streaming/Channels/101?res=1",
        "write to someone@school.example at 12:30",
        "[::1]:554 refuses the connection.",
    ],
)
def test_a_text_without_credentials_is_unchanged(text: str) -> None:
    assert redact_credentials(text) == text


@given(
    st.text(st.characters(exclude_categories=("Z", "C"))),
    st.text(st.characters(exclude_categories=("Z", "C")), min_size=1),
)
def test_a_password_of_any_characters_is_redacted(user: str, password: str) -> None:
    marked = f"<<{password}>>"
    for text in (
        f"error: rtsp://{user}:{marked}@cam.example/1 failed",
        f"'http://cam.example/v?pwd={marked.replace('&', '')}&n=1'",
    ):
        assert marked.replace("&", "") not in redact_credentials(text)


@given(st.text())
def test_redacting_twice_changes_nothing(text: str) -> None:
    assert redact_credentials(redact_credentials(text)) == redact_credentials(text)
