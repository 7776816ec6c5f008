"""Paging: every item once, even if the list grows meanwhile."""

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st

from serve_apps.http.schemas.paging import Paging, _decode_cursor, encode_cursor, paginate


def all_pages(items: list[str], limit: int) -> list[str]:
    found, after = [], None
    while True:
        page, following = paginate(items, str, Paging(limit, after))
        assert len(page) <= limit
        found += page
        if following is None:
            return found
        after = _decode_cursor(following)


@given(st.sets(st.text(max_size=8), max_size=30), st.integers(1, 10))
def test_all_pages_together_are_the_list(items: set[str], limit: int) -> None:
    assert all_pages(list(items), limit) == sorted(items)


def test_a_list_that_grows_repeats_nothing() -> None:
    first, following = paginate(["b", "d"], str, Paging(1, None))
    assert following is not None
    second, _ = paginate(["a", "b", "c", "d"], str, Paging(5, _decode_cursor(following)))
    assert (first, second) == (["b"], ["c", "d"])


def test_the_last_page_has_no_next_even_when_it_is_full() -> None:
    assert paginate(["a", "b"], str, Paging(2, None)) == (["a", "b"], None)
    assert paginate([], str, Paging(2, None)) == ([], None)


@pytest.mark.parametrize("after", ["room-1", "-1", "", "9" * 16, "٣"])
def test_a_cursor_of_another_list_is_rejected(after: str) -> None:
    with pytest.raises(RequestValidationError):
        Paging(1, after).after_number()


def test_a_cursor_encodes_a_number() -> None:
    assert Paging(1, _decode_cursor(encode_cursor(412))).after_number() == 412
    assert Paging(1, None).after_number() is None


@given(st.text(alphabet="ABCxyz019_-", min_size=1, max_size=20))
def test_an_invalid_cursor_raises_nothing_else(cursor: str) -> None:
    try:
        _decode_cursor(cursor)
    except RequestValidationError:
        return
