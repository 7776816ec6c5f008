"""The dashboard shows what is exported, and nothing exported has a student in a label."""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from ray.util.metrics import Counter, Histogram, Metric

from serve_apps import metrics
from tests.test_architecture import words

DASHBOARD = Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "homeroom.json"
ALLOWED_LABELS = {"model", "outcome", "camera", "state"}


def exported() -> list[Metric]:
    makers = [
        value
        for value in vars(metrics).values()
        if callable(value) and getattr(value, "__module__", "") == metrics.__name__
    ]
    return [maker() for maker in makers if not inspect.isclass(maker)]


def names_of(metric: Metric) -> set[str]:
    name = f"ray_{metric.info['name']}"
    if isinstance(metric, Histogram):
        return {f"{name}_bucket", f"{name}_sum", f"{name}_count"}
    return {f"{name}_total"} if isinstance(metric, Counter) else {name}


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return found


def test_every_figure_of_the_dashboard_is_exported(dashboard: dict[str, Any]) -> None:
    queries = [t["expr"] for panel in dashboard["panels"] for t in panel["targets"]]
    asked = {name for query in queries for name in re.findall(r"ray_homeroom_\w+", query)}
    known = {name for metric in exported() for name in names_of(metric)}
    assert asked
    assert asked <= known


def test_no_label_tells_of_a_person() -> None:
    labels = {label for metric in exported() for label in metric.info["tag_keys"]}
    assert labels <= ALLOWED_LABELS
    assert not any(words(label) & {"student", "face", "ticket", "user", "name"} for label in labels)


def test_panels_have_numbers_of_their_own(dashboard: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
