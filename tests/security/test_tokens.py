"""What sign-ins are carried in: signed by our key, each kind apart, refused in one voice."""

import secrets
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import NotSignedIn
from cluster.security.keys import KeyStore
from cluster.security.master_key import KEY_BYTES, LocalMasterKey
from cluster.security.tokens import (
    LONGEST_TEXT,
    TOKEN_PREFIX,
    csrf_token,
    id_of_session,
    id_of_token,
    is_csrf_token,
    new_session,
    token_of,
)

ID = "0123456789abcdef0123456789abcdef"


def new_keys(folder: Path) -> KeyStore:
    return KeyStore(folder, LocalMasterKey(secrets.token_bytes(KEY_BYTES)))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyStore:
    return new_keys(tmp_path_factory.mktemp("keys"))


def test_a_token_carries_its_id_and_a_session_only_the_hash_of_its_secret(keys: KeyStore) -> None:
    assert id_of_token(keys, token_of(keys, ID)) == ID
    text, sign_in_id = new_session(keys)
    assert id_of_session(keys, text) == sign_in_id
    assert sign_in_id not in text
    assert len(sign_in_id) == 32


def test_another_installations_key_opens_nothing_here(keys: KeyStore, tmp_path: Path) -> None:
    others = new_keys(tmp_path)
    with pytest.raises(NotSignedIn):
        id_of_token(keys, token_of(others, ID))
    with pytest.raises(NotSignedIn):
        id_of_session(keys, new_session(others)[0])


def test_one_kind_is_not_taken_for_the_other(keys: KeyStore) -> None:
    session, _ = new_session(keys)
    with pytest.raises(NotSignedIn):
        id_of_token(keys, TOKEN_PREFIX + session)
    with pytest.raises(NotSignedIn):
        id_of_session(keys, token_of(keys, ID).removeprefix(TOKEN_PREFIX))


@given(place=st.integers(0, 80), letter=st.sampled_from("Ab0_-.é"))
def test_a_token_with_one_changed_letter_is_refused(
    keys: KeyStore, place: int, letter: str
) -> None:
    token = token_of(keys, ID)
    changed = token[: place % len(token)] + letter + token[place % len(token) + 1 :]
    if changed == token:
        return
    # The last letter of base64 carries two bits that decoders may drop: the id must be the same.
    try:
        assert id_of_token(keys, changed) == ID
        assert place % len(token) == len(token) - 1
    except NotSignedIn:
        pass


@given(st.text(max_size=300))
def test_whatever_is_sent_is_refused_in_the_same_words(keys: KeyStore, text: str) -> None:
    for read in (id_of_token, id_of_session):
        with pytest.raises(NotSignedIn) as caught:
            read(keys, text)
        assert str(caught.value).startswith("there is no sign-in, or it does not hold")


def test_a_very_long_text_is_refused_unread(keys: KeyStore) -> None:
    with pytest.raises(NotSignedIn):
        id_of_token(keys, token_of(keys, "a" * LONGEST_TEXT))


def test_the_word_against_forged_changes_belongs_to_one_session(keys: KeyStore) -> None:
    word = csrf_token(keys, ID)
    assert is_csrf_token(keys, ID, word)
    assert not is_csrf_token(keys, ID[::-1], word)
    assert not is_csrf_token(keys, ID, "")
    assert not is_csrf_token(keys, ID, "é")
