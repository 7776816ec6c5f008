"""The rules R1, R2 and R6 as structure: what is never done has no column, field or import."""

import dataclasses
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from grimp import ImportGraph, build_graph
from importlinter.api import read_configuration
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.independence import IndependenceContract
from importlinter.contracts.layers import LayersContract
from importlinter.domain.contract import Contract

from cluster.activity.durations import FrameCounts
from cluster.activity.live import LiveCounts
from cluster.activity.published import PublishedWindow
from cluster.activity.suppression import ActivityWindow
from cluster.vision.activity import Activity
from cluster.warehouse import schema
from cluster.warehouse.schema import TABLES, TableSpec
from jobs.archive.stages import SegmentResult
from serve_apps.clients.types import RoomSnapshot

ROOT = Path(__file__).resolve().parents[1]

FORBIDDEN = {
    *("student", "pupil", "child", "person", "face", "embedding", "template", "track", "seat"),
    *("emotion", "feeling", "mood", "attention", "attentive", "engagement", "engaged", "focus"),
    *("health", "ill", "character", "behaviour", "behavior", "gender", "age", "race", "keypoint"),
}


def words(name: str) -> set[str]:
    """The words of a name in any case, in the singular too."""
    split = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    found = {word.lower() for word in split}
    return found | {word.removesuffix("s") for word in found}


def test_the_words_of_a_name_are_found() -> None:
    assert words("face_ids") & FORBIDDEN == {"face"}
    assert words("nearestTrack") & FORBIDDEN == {"track"}
    assert words("people_max") & FORBIDDEN == set()
    assert words("surface") & FORBIDDEN == set()


SAID = "checkin_counts.feeling"
"""The one name of this kind: what students say of themselves, which no picture reaches."""


def test_no_table_or_column_names_a_person_or_what_is_never_inferred() -> None:
    named = [table.name for table in TABLES]
    named += [f"{table.name}.{column.name}" for table in TABLES for column in table.columns]
    assert [name for name in named if words(name) & FORBIDDEN] == [SAID]


def test_no_table_stands_outside_the_list_that_is_checked() -> None:
    tables = [value for value in vars(schema).values() if isinstance(value, TableSpec)]
    assert sorted(t.name for t in tables) == sorted(t.name for t in TABLES)


def test_no_activity_is_a_feeling_or_a_judgement() -> None:
    assert [activity for activity in Activity if words(activity.value) & FORBIDDEN] == []


PLAIN = (str, int, float, bool, datetime, type(None))


def leaves(kind: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Every place of a data type with the type that stands there, dataclasses opened."""
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        for field in dataclasses.fields(kind):
            yield from leaves(hints[field.name], f"{place}.{field.name}")
    elif get_args(kind) and get_origin(kind) is not Literal:
        if get_origin(kind) is dict:
            yield f"{place}.key", get_args(kind)[0]
            yield from leaves(get_args(kind)[1], place)
        else:
            for part in get_args(kind):
                if part is not Ellipsis:
                    yield from leaves(part, place)
    else:
        yield place, kind


def is_plain(kind: Any) -> bool:
    """Whether it is a number, text, a time or one of a few words: nothing with rows a person."""
    if get_origin(kind) is Literal:
        return True
    return isinstance(kind, type) and (kind in PLAIN or issubclass(kind, Enum))


@pytest.mark.parametrize(
    "kind",
    [
        FrameCounts,
        ActivityWindow,
        SegmentResult,
        LiveCounts,
        PublishedWindow,
        RoomSnapshot,
    ],
)
def test_what_is_counted_carries_no_field_of_a_person(kind: type) -> None:
    places = list(leaves(kind, kind.__name__))
    assert len(places) > 3
    assert [place for place, leaf in places if not is_plain(leaf)] == []
    assert [place for place, _ in places if words(place) & FORBIDDEN] == []


def test_counts_are_kept_by_activity_and_not_by_somebody() -> None:
    keys = {leaf for place, leaf in leaves(FrameCounts, "") if place.endswith(".key")}
    assert keys == {Activity}


def test_a_window_tells_shares_and_counts_one_value_each() -> None:
    hints = get_type_hints(ActivityWindow)
    many = [name for name, kind in hints.items() if get_origin(kind) in (list, tuple, dict, set)]
    assert many == []


def run_python(code: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


REPORTS = ("RAY_USAGE_STATS_ENABLED", "YOLO_OFFLINE", "YOLO_AUTOINSTALL")


@pytest.mark.parametrize("first", ["cluster", "cluster.settings", "jobs", "serve_apps"])
def test_importing_homeroom_switches_usage_reports_off_even_where_they_were_on(first: str) -> None:
    on = dict(zip(REPORTS, ("1", "false", "true"), strict=True))
    code = f"import os, {first}\nprint(*(os.environ[name] for name in {REPORTS}))"
    assert run_python(code, **on) == "0 true false"


def test_processes_that_homeroom_starts_report_nothing_either() -> None:
    child = f"import os; print(*(os.environ[name] for name in {REPORTS}))"
    code = (
        "import subprocess, sys, cluster\n"
        f"subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    )
    on = dict(zip(REPORTS, ("1", "false", "true"), strict=True))
    assert run_python(code, **on) == "0 true false"


def test_openvinos_telemetry_cannot_be_imported_after_homeroom() -> None:
    code = (
        "import cluster\n"
        "try:\n    import openvino_telemetry\n"
        "except ImportError:\n    print('refused')\n"
        "else:\n    print('imported')"
    )
    assert run_python(code) == "refused"


def test_ray_and_ultralytics_see_reports_switched_off() -> None:
    code = (
        "import cluster\n"
        "from ray._common.usage.usage_lib import usage_stats_enabled\n"
        "from ultralytics.utils import AUTOINSTALL, ONLINE\n"
        "print(usage_stats_enabled(), AUTOINSTALL, ONLINE)"
    )
    said = run_python(code, RAY_USAGE_STATS_ENABLED="1").splitlines()
    assert said[-1] == "False False False"  # Ultralytics greets an account that is new to it


CONTRACT_TYPES: dict[str, type[Contract]] = {
    "acyclic_siblings": AcyclicSiblingsContract,
    "forbidden": ForbiddenContract,
    "independence": IndependenceContract,
    "layers": LayersContract,
}


@pytest.fixture(scope="module")
def import_graph() -> ImportGraph:
    """Every import of the packages, read from their sources once."""
    options = read_configuration(str(ROOT / "pyproject.toml"))["session_options"]
    return build_graph(*options["root_packages"], include_external_packages=True, cache_dir=None)


def broken_contracts(graph: ImportGraph) -> set[str]:
    """The names of the contracts that these imports break, as `lint-imports` finds them."""
    options = read_configuration(str(ROOT / "pyproject.toml"))
    contracts = [
        CONTRACT_TYPES[one["type"]](one["name"], options["session_options"], one)
        for one in options["contracts_options"]
    ]
    assert len(contracts) > 9
    return {one.name for one in contracts if not one.check(deepcopy(graph), verbose=False).kept}


LAYERS = "imports point downwards from layer to layer"
ACYCLIC = "no folder imports one that imports it"


def test_the_import_contracts_hold(import_graph: ImportGraph) -> None:
    assert broken_contracts(import_graph) == set()


@pytest.mark.parametrize(
    ("file", "module", "contract"),
    [
        (
            "jobs/archive/stages.py",
            "cluster.register",
            "the archive job never reaches cluster.register",
        ),
        (
            "cluster/district.py",
            "cluster.register",
            "the archive job never reaches cluster.register",
        ),
        (
            "cluster/activity/room.py",
            "cluster.register",
            "cluster.activity and cluster.register never reach each other",
        ),
        (
            "cluster/register/__init__.py",
            "cluster.activity.durations",
            "cluster.activity and cluster.register never reach each other",
        ),
        (
            "cluster/vision/activity.py",
            "cluster.district",
            "cluster.vision imports only cluster.errors and cluster.settings",
        ),
        ("cluster/activity/windows.py", "jobs.archive.footage", LAYERS),
        ("cluster/settings/__init__.py", "cluster.cli.console", LAYERS),
        ("jobs/archive/run.py", "cluster.cli.console", LAYERS),
        ("cluster/warehouse/publish.py", "serve_apps.metrics", LAYERS),
        ("cluster/records/db/models.py", "cluster.warehouse.schema", LAYERS),
        ("cluster/streams/source/state.py", "cluster.streams.reader.report", ACYCLIC),
        ("serve_apps/http/middleware/limits.py", "serve_apps.http.routes.rooms", ACYCLIC),
        (
            "cluster/checkins/suppression.py",
            "cluster.activity.suppression",
            "what students say never meets what is seen, nor the register",
        ),
        (
            "cluster/register/types.py",
            "cluster.checkins",
            "what students say never meets what is seen, nor the register",
        ),
        (
            "cluster/streams/source/config.py",
            "cluster.checkins.feelings",
            "who looks at pictures never reaches what students say",
        ),
        (
            "cluster/checkins/types.py",
            "sqlalchemy",
            "only cluster.records and cluster.warehouse open databases",
        ),
        ("serve_apps/__init__.py", "jobs", "serve_apps and jobs never import each other"),
        (
            "jobs/archive/stages.py",
            "duckdb",
            "only cluster.records and cluster.warehouse open databases",
        ),
    ],
)
def test_an_import_that_breaks_a_rule_is_found(
    import_graph: ImportGraph, file: str, module: str, contract: str
) -> None:
    importer = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert {importer, module} <= import_graph.modules
    broken = deepcopy(import_graph)
    broken.add_import(importer=importer, imported=module)
    assert contract in broken_contracts(broken)


def modules_of_cluster() -> set[str]:
    return {
        f"cluster.{path.stem}"
        for path in (ROOT / "cluster").iterdir()
        if path.stem != "__init__" and (path.suffix == ".py" or (path / "__init__.py").exists())
    }


def contract(name: str) -> dict[str, Any]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    [found] = [one for one in contracts if one["name"].startswith(name)]
    return found


def test_a_new_part_of_cluster_is_not_forgotten_in_the_contracts() -> None:
    parts = modules_of_cluster()
    vision = {"cluster.vision", "cluster.errors", "cluster.settings"}
    assert set(contract("cluster.vision imports only")["forbidden_modules"]) == parts - vision
    databases = {"cluster.records", "cluster.warehouse"}
    closed = set(contract("only cluster.records")["source_modules"])
    assert closed == (parts - databases) | {"jobs", "serve_apps"}
    layered = {part.strip() for layer in contract(LAYERS)["layers"] for part in layer.split("|")}
    assert layered == parts | {"jobs", "serve_apps"}
