"""Codes: no look-alikes, read as people type them; hashes that nothing ties together."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.checkins.codes import (
    ALPHABET,
    DEVICE_BYTES,
    LENGTH,
    keyed_hash,
    new_code,
    new_device,
    new_key,
    read_code,
)


def test_a_code_has_six_characters_that_look_like_no_other() -> None:
    for pair in ("0O", "1I", "IL", "UV", "2Z", "5S", "8B", "6G"):
        assert len(set(pair) & set(ALPHABET)) <= 1
    assert not set("AEIOU") & set(ALPHABET), "a code could be a word"
    codes = [new_code() for _ in range(2000)]
    assert {len(code) for code in codes} == {LENGTH}
    assert set("".join(codes)) == set(ALPHABET)
    assert max(Counter(codes).values()) <= 2
    assert len(ALPHABET) ** LENGTH > 100_000_000


@given(st.sampled_from(["", " ", "-", " - "]), st.booleans())
def test_a_code_is_read_in_any_case_with_spaces_and_hyphens(between: str, small: bool) -> None:
    code = new_code()
    typed = between.join([code[:2], code[2:4], code[4:]])
    assert read_code(f"  {typed.lower() if small else typed} ") == code


def test_letters_that_were_left_out_for_a_digit_are_taken_as_that_digit() -> None:
    assert read_code("zsbg34") == "258634"


@given(st.text(max_size=60))
def test_whatever_is_typed_is_a_code_or_nothing(typed: str) -> None:
    code = read_code(typed)
    assert code is None or (len(code) == LENGTH and set(code) <= set(ALPHABET))


@pytest.mark.parametrize(
    "typed", ["", "23456", "2345678", "23456O", "2 3 4 5 6 1", "7" * 1000, "٣" * 6]
)
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    assert read_code(typed) is None


def test_devices_and_keys_are_random_and_long() -> None:
    assert len(new_device()) == DEVICE_BYTES == 16
    assert len({new_device() for _ in range(100)} | {new_key() for _ in range(100)}) == 200


def test_an_answer_and_a_call_of_one_device_stand_under_two_hashes() -> None:
    key, device = new_key(), new_device()
    assert keyed_hash(key, "answer", device) == keyed_hash(key, "answer", device)
    hashes = {keyed_hash(key, use, device) for use in ("answer", "call", "slip")}
    assert len(hashes | {keyed_hash(new_key(), "answer", device)}) == 4
