"""Codes without look-alikes, parsed as people type them; hashes that cannot be linked."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.checkins.codes import (
    ALPHABET,
    CODE_LENGTH,
    DEVICE_BYTES,
    keyed_hash,
    new_code,
    new_device_token,
    new_key,
    parse_code,
)


def test_a_code_has_six_characters_without_similar_ones() -> None:
    for pair in ("0O", "1I", "IL", "UV", "2Z", "5S", "8B", "6G"):
        assert len(set(pair) & set(ALPHABET)) <= 1
    assert not set("AEIOU") & set(ALPHABET), "a code could be a word"
    codes = [new_code() for _ in range(2000)]
    assert {len(code) for code in codes} == {CODE_LENGTH}
    assert set("".join(codes)) == set(ALPHABET)
    assert max(Counter(codes).values()) <= 2
    assert len(ALPHABET) ** CODE_LENGTH > 100_000_000


@given(st.sampled_from(["", " ", "-", " - "]), st.booleans())
def test_a_code_is_parsed_in_any_case_with_spaces_and_hyphens(
    separator: str, is_lower: bool
) -> None:
    code = new_code()
    typed = separator.join([code[:2], code[2:4], code[4:]])
    assert parse_code(f"  {typed.lower() if is_lower else typed} ") == code


def test_letters_that_look_like_a_digit_are_parsed_as_it() -> None:
    assert parse_code("zsbg34") == "258634"


@given(st.text(max_size=60))
def test_any_text_is_parsed_to_a_code_or_none(typed: str) -> None:
    code = parse_code(typed)
    assert code is None or (len(code) == CODE_LENGTH and set(code) <= set(ALPHABET))


@pytest.mark.parametrize(
    "typed", ["", "23456", "2345678", "23456O", "2 3 4 5 6 1", "7" * 1000, "٣" * 6]
)
def test_an_invalid_code_is_none(typed: str) -> None:
    assert parse_code(typed) is None


def test_device_tokens_and_keys_are_random_and_long() -> None:
    assert len(new_device_token()) == DEVICE_BYTES == 16
    assert len({new_device_token() for _ in range(100)} | {new_key() for _ in range(100)}) == 200


def test_a_device_has_a_different_hash_for_each_purpose() -> None:
    key, device = new_key(), new_device_token()
    assert keyed_hash(key, "answer", device) == keyed_hash(key, "answer", device)
    hashes = {keyed_hash(key, use, device) for use in ("answer", "call", "slip")}
    assert len(hashes | {keyed_hash(new_key(), "answer", device)}) == 4
