"""Rooms of made-up bodies are counted with a classifier that knows them."""

import pytest

from cluster.activity import durations
from tests.activity.stub_classifier import classify_bodies


@pytest.fixture(autouse=True)
def _stub_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durations, "load_classifier", lambda: classify_bodies)
