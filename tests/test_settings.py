"""Settings: what is refused and where, what stands above what, and what changes a digest."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from cluster.errors import SettingsError
from cluster.settings import (
    Settings,
    analysis_digest,
    load_settings,
)
from tests.plugins.hypothesis_profiles import examples

HEAD = """
[[schools]]
id = "hill"
name = "Hill School"
timezone = "Europe/Oslo"
[[rooms]]
id = "r1"
school = "hill"
name = "Room 1"
"""
CAMERA = '[[cameras]]\nid = "cam1"\nroom = "r1"\n'
MAPPING = """
[[access.map]]
claim = "groups"
value = "Heads"
role = "school_leader"
schools = ["hill"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "homeroom.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, text: str) -> SettingsError:
    """The error that a settings file gives; it names the file."""
    path = write(folder, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert str(path) in str(caught.value)
    return caught.value


def test_a_file_of_a_few_lines_is_enough(tmp_path: Path) -> None:
    found = load_settings(write(tmp_path, HEAD + CAMERA))
    assert found.cameras_by_id["cam1"].room == "r1"
    assert found.rooms_by_id["r1"].school == "hill"
    assert found.schools_by_id["hill"].zone.key == "Europe/Oslo"
    assert found.privacy.k >= 5


def test_an_empty_file_is_a_district_without_rooms(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, "")).cameras == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('colour = "red"\n', "colour"),
        ("[privacy]\nK = 12\n", "privacy.K"),
        ("[privacy]\nsmallest_group = 3\n", "privacy.smallest_group"),
        ("[analysis]\nfps = 3\n", "analysis.fps"),
        (HEAD + 'floor = "2"\n', "rooms[0].floor"),
        (HEAD + CAMERA + CAMERA.replace("cam1", "cam2") + "zoom = 2\n", "cameras[1].zoom"),
        ("[faces]\nenabled = true\n", "faces"),
    ],
)
def test_a_key_that_is_not_known_is_refused_with_its_place(
    tmp_path: Path, text: str, place: str
) -> None:
    assert f"{place}: there is no such key" in str(refusal(tmp_path, text))


@pytest.mark.parametrize(
    ("table", "key", "lowest", "highest", "below", "above"),
    [
        ("privacy", "k", 5, 1000, 4, 1001),
        ("analysis", "rate", 1.0, 10, 0.99, 10.1),
        ("analysis", "confidence", 0.05, 0.9, 0.049, 0.91),
        ("analysis", "threads", 1, 64, 0, 65),
        ("analysis", "batch_size", 1, 64, 0, 65),
    ],
)
def test_a_number_keeps_to_its_bounds(
    tmp_path: Path, table: str, key: str, lowest: float, highest: float, below: float, above: float
) -> None:
    for value in (lowest, highest):
        found = load_settings(write(tmp_path, f"[{table}]\n{key} = {value}\n"))
        assert getattr(getattr(found, table), key) == value
    for text in (str(below), str(above), "nan", "inf", '"many"'):
        message = str(refusal(tmp_path, f"[{table}]\n{key} = {text}\n"))
        assert f"{table}.{key}: " in message


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("input_size = 641", "cameras[0].input_size"),
        ('input_size = "largest"', "cameras[0].input_size"),
        ("teacher_zone = [[0, 0], [1, 1]]", "cameras[0].teacher_zone"),
        ("teacher_zone = [[0, 0], [1, 1], [0, 1.1]]", "cameras[0].teacher_zone[2][1]"),
        ("teacher_zone = [[0, 0], [1, 1], [-0.1, 1]]", "cameras[0].teacher_zone[2][0]"),
        ("teacher_zone = [[0, 0], [1, 1], [nan, 1]]", "cameras[0].teacher_zone[2][0]"),
        (f"teacher_zone = {[[0, 0]] * 65}", "cameras[0].teacher_zone"),
        ("masks = [[[0, 0], [1, 1]]]", "cameras[0].masks[0]"),
        (f"masks = {[[[0, 0], [1, 0], [1, 1]]] * 33}", "cameras[0].masks"),
    ],
)
def test_a_camera_keeps_to_its_bounds(tmp_path: Path, line: str, place: str) -> None:
    assert f"{place}: " in str(refusal(tmp_path, HEAD + CAMERA + line + "\n"))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[analysis]\ndevice = "tpu"\n', "analysis.device"),
        ('[analysis]\nquality = "best"\n', "analysis.quality"),
        ("[analysis]\nbatch_size = 3\n", "analysis.batch_size"),
        (f'[district]\nname = "{"x" * 201}"\n', "district.name"),
        (HEAD + 'kind = "kitchen"\n', "rooms[0].kind"),
        (HEAD.replace("Hill School", "x" * 201), "schools[0].name"),
        (HEAD.replace("Room 1", "x" * 201), "rooms[0].name"),
        ('[weights]\npose_sha256 = "abc"\n', "weights.pose_sha256"),
        (f'[weights]\npose_sha256 = "{"G" * 64}"\n', "weights.pose_sha256"),
        (HEAD.replace('name = "Room 1"', ""), "rooms[0].name: is missing"),
    ],
)
def test_a_value_out_of_its_set_is_refused_with_its_place(
    tmp_path: Path, text: str, place: str
) -> None:
    assert place in str(refusal(tmp_path, text))


@pytest.mark.parametrize(
    "name", ["", "a" * 65, "a b", "a/b", "../a", ".a", "-a", "a_b", "å", "a=b", "a\\n"]
)
@pytest.mark.parametrize("table", ["schools", "rooms", "cameras"])
def test_an_id_that_is_not_safe_in_a_file_name_is_refused(
    tmp_path: Path, table: str, name: str
) -> None:
    old = {"schools": 'id = "hill"', "rooms": 'id = "r1"', "cameras": 'id = "cam1"'}[table]
    text = (HEAD + CAMERA).replace(old, f'id = "{name}"', 1)
    assert f"{table}[0].id: " in str(refusal(tmp_path, text))


def test_groups_are_mapped_to_roles_and_schools(tmp_path: Path) -> None:
    path = tmp_path / "homeroom.toml"
    path.write_text(HEAD + MAPPING)
    [mapping] = load_settings(path).access.map
    assert (mapping.claim, mapping.value) == ("groups", "Heads")
    assert (mapping.role, mapping.schools) == ("school_leader", ("hill",))


def test_every_mistake_of_a_file_is_named_at_once(tmp_path: Path) -> None:
    message = str(refusal(tmp_path, '[privacy]\nk = 2\n[analysis]\nrate = 99\ndevice = "x"\n'))
    for place in ("privacy.k", "analysis.rate", "analysis.device"):
        assert place in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD.replace('school = "hill"', 'school = "dale"'), "rooms 'r1': school = 'dale'"),
        (HEAD + CAMERA.replace('"r1"', '"r2"'), "cameras 'cam1': room = 'r2'"),
        (HEAD + CAMERA + CAMERA, "cameras: the id 'cam1' is used twice"),
        (HEAD + HEAD.replace('"r1"', '"r2"'), "schools: the id 'hill' is used twice"),
        (HEAD + HEAD.replace('id = "hill"', 'id = "dale"'), "rooms: the id 'r1' is used twice"),
        (HEAD + MAPPING.replace('"hill"', '"dale"'), "access.map 'Heads': schools = 'dale'"),
        (HEAD + MAPPING.replace("school_leader", "head"), "access.map[0].role"),
        (HEAD + MAPPING.replace("school_leader", "analyst"), "schools are for the role"),
        (HEAD + MAPPING.replace("claim", "claims"), "access.map[0].claims: there is no such key"),
        (HEAD + '[access]\noidc_scopes = ["openid groups"]\n', "access.oidc_scopes[0]"),
    ],
)
def test_references_to_nothing_and_double_ids_are_named(
    tmp_path: Path, text: str, said: str
) -> None:
    assert said in str(refusal(tmp_path, text))


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "+01:00", "../etc/passwd"])
def test_a_time_zone_that_does_not_exist_is_refused(tmp_path: Path, zone: str) -> None:
    error = refusal(tmp_path, HEAD.replace("Europe/Oslo", zone))
    assert "schools[0].timezone" in str(error)
    assert "time zone" in str(error)


def test_a_file_that_is_not_toml_is_refused_with_the_line(tmp_path: Path) -> None:
    assert "line 2" in str(refusal(tmp_path, 'data_dir = "x"\nrate: 2\n'))


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "homeroom.toml"
    path.write_bytes(b"\xff\xfe\x00k")
    with pytest.raises(SettingsError, match="TOML"):
        load_settings(path)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="TOML"):
        load_settings(tmp_path)


def test_a_missing_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="homeroom init") as caught:
        load_settings(tmp_path / "nowhere.toml")
    assert str(tmp_path / "nowhere.toml") in str(caught.value)


def test_a_byte_order_mark_is_tolerated(tmp_path: Path) -> None:
    path = tmp_path / "homeroom.toml"
    path.write_bytes(b"\xef\xbb\xbf[privacy]\r\nk = 7\r\n")
    assert load_settings(path).privacy.k == 7


def test_relative_paths_are_relative_to_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    school, elsewhere = tmp_path / "school", tmp_path / "elsewhere"
    school.mkdir()
    elsewhere.mkdir()
    write(
        school,
        'data_dir = "data"\ncache_dir = "../cache"\ntimetable = "t.csv"\nbells = "b.csv"\n'
        '[weights]\npose = "models/p.pt"\n',
    )
    monkeypatch.chdir(elsewhere)
    found = load_settings("../school/homeroom.toml")
    assert found.data_dir.resolve() == school / "data"
    assert found.cache_dir is not None
    assert found.cache_dir.resolve() == tmp_path / "cache"
    assert found.timetable is not None
    assert found.timetable.resolve() == school / "t.csv"
    assert found.bells is not None
    assert found.bells.resolve() == school / "b.csv"
    assert isinstance(found.weights.pose, Path)
    assert found.weights.pose.resolve() == school / "models" / "p.pt"
    assert found.data_dir.is_absolute()
    assert found.lake_dir.parent == found.warehouse_dir.parent == found.data_dir


def test_absolute_paths_and_the_home_folder_stay_what_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    found = load_settings(write(tmp_path, f'data_dir = "{tmp_path}/a"\ncache_dir = "~/c"\n'))
    assert found.data_dir == tmp_path / "a"
    assert found.cache_dir == tmp_path / "home" / "c"


def test_the_environment_stands_above_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "[privacy]\nk = 7\n[analysis]\nrate = 3.0\nconfidence = 0.5\n")
    monkeypatch.setenv("HOMEROOM_PRIVACY__K", "12")
    monkeypatch.setenv("HOMEROOM_ANALYSIS__RATE", "4")
    monkeypatch.setenv("HOMEROOM_DATA_DIR", "from-outside")
    found = load_settings(path)
    assert found.privacy.k == 12
    assert (found.analysis.rate, found.analysis.confidence) == (4.0, 0.5)
    assert found.data_dir == tmp_path / "from-outside"


def test_a_variable_may_hold_a_whole_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMEROOM_ANALYSIS", '{"rate": 5, "device": "cpu"}')
    found = load_settings(write(tmp_path, "[analysis]\nconfidence = 0.5\n"))
    assert (found.analysis.rate, found.analysis.device) == (5.0, "cpu")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOMEROOM_PRIVACY__K", "4"),
        ("HOMEROOM_PRIVACY", '{"k": 1}'),
        ("HOMEROOM_PRIVACY__K", "ten"),
        ("HOMEROOM_ANALYSIS__RATE", "1000"),
    ],
)
def test_the_environment_keeps_to_the_bounds_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    table = name.removeprefix("HOMEROOM_").split("__")[0].lower()
    with pytest.raises(SettingsError, match=table):
        load_settings(write(tmp_path, HEAD))


@pytest.mark.parametrize("name", ["HOMEROOM_PRIVACY", "HOMEROOM_SCHOOLS", "HOMEROOM_CAMERAS"])
def test_a_variable_that_should_hold_json_and_does_not_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "ten")
    with pytest.raises(SettingsError, match=r"(?i)privacy|schools|cameras"):
        load_settings(write(tmp_path, HEAD))


@pytest.mark.parametrize(
    "name",
    [
        "HOMEROOM_PRIVACY__KAY",
        "HOMEROOM_PRIVACY_K",
        "HOMEROOM_K",
        "HOMEROOM_SETTINGS_FILE",
        "homeroom_colour",
        "HOMEROOM_PRIVACY__K__K",
    ],
)
def test_a_variable_that_is_not_known_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "12")
    with pytest.raises(SettingsError, match=name):
        load_settings(write(tmp_path, HEAD))


def test_variables_of_other_programs_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("K", "PRIVACY__K", "DATA_DIR", "HOMEROOMS", "MY_HOMEROOM_K"):
        monkeypatch.setenv(name, "3")
    found = load_settings(write(tmp_path, "[privacy]\nk = 7\n"))
    assert found.privacy.k == 7
    assert found.data_dir == tmp_path / "homeroom-data"


def test_homeroom_settings_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    write(tmp_path / "here", "[privacy]\nk = 6\n")
    named = tmp_path / "named.toml"
    named.write_text("[privacy]\nk = 7\n")
    monkeypatch.chdir(tmp_path / "here")
    assert load_settings().privacy.k == 6
    monkeypatch.setenv("HOMEROOM_SETTINGS", str(named))
    assert load_settings().privacy.k == 7
    assert load_settings(tmp_path / "here" / "homeroom.toml").privacy.k == 6


def test_settings_do_not_change_after_loading(school: Settings) -> None:
    with pytest.raises(ValueError, match="frozen"):
        school.privacy.k = 5  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        school.data_dir = Path("/elsewhere")  # type: ignore[misc]


ZONE = "[[0.0, 0.0], [0.5, 0.0], [0.5, 0.5]]"
BASE = "[privacy]\nk = 10\n[analysis]\nrate = 2.0\nconfidence = 0.25\n" + HEAD + CAMERA


def digest_of(folder: Path, text: str) -> str:
    found = load_settings(write(folder, text))
    return analysis_digest(found, found.cameras_by_id["cam1"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("k = 10", "k = 11"),
        ("rate = 2.0", "rate = 2.5"),
        ("confidence = 0.25", "confidence = 0.3"),
        (CAMERA, CAMERA + f"masks = [{ZONE}]\n"),
        (CAMERA, CAMERA + f"teacher_zone = {ZONE}\n"),
        (CAMERA, CAMERA + "input_size = 1280\n"),
        ('name = "Room 1"', 'name = "Room 1"\nkind = "vehicle"'),
    ],
)
def test_what_changes_windows_changes_the_digest(tmp_path: Path, old: str, new: str) -> None:
    assert old in BASE
    assert digest_of(tmp_path, BASE.replace(old, new)) != digest_of(tmp_path, BASE)


@pytest.mark.parametrize(("quality", "limit"), [("fast", 640), ("balanced", 960), ("full", 1280)])
def test_the_quality_limits_the_input_size_of_cameras_that_are_auto(
    tmp_path: Path, quality: str, limit: int
) -> None:
    text = f'[analysis]\nquality = "{quality}"\n' + HEAD + CAMERA
    text += CAMERA.replace("cam1", "cam2") + "input_size = 1280\n"
    found = load_settings(write(tmp_path, text))
    assert [found.input_size_of(camera) for camera in found.cameras] == [limit, 1280]


def test_input_sizes_are_replaced_by_camera(tmp_path: Path) -> None:
    found = load_settings(write(tmp_path, HEAD + CAMERA + CAMERA.replace("cam1", "cam2")))
    assert found.cameras_by_id["cam1"].input_size == "auto"
    changed = found.with_input_sizes({"cam1": 1280})
    assert [camera.input_size for camera in changed.cameras] == [1280, "auto"]
    assert changed.cameras_by_id["cam1"].input_size == 1280
    assert changed.data_dir == found.data_dir
    with pytest.raises(KeyError):
        found.with_input_sizes({"cam3": 640})


def test_a_size_counts_as_the_number_that_is_used_however_it_was_chosen(tmp_path: Path) -> None:
    auto = load_settings(write(tmp_path, BASE))
    chosen = auto.with_input_sizes({"cam1": 640})
    digest = analysis_digest(chosen, chosen.cameras_by_id["cam1"])
    assert digest == digest_of(tmp_path, BASE + "input_size = 640\n")
    assert digest != analysis_digest(auto, auto.cameras_by_id["cam1"])
    full = BASE.replace("[analysis]", '[analysis]\nquality = "full"') + "input_size = 640\n"
    assert digest_of(tmp_path, full) == digest


def test_a_mask_and_a_zone_in_one_place_are_two_things(tmp_path: Path) -> None:
    mask = digest_of(tmp_path, BASE + f"masks = [{ZONE}]\n")
    assert mask != digest_of(tmp_path, BASE + f"teacher_zone = {ZONE}\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Room 1", "The blue room"),
        ("Hill School", "Dale School"),
        ("[privacy]", 'data_dir = "elsewhere"\n[privacy]'),
        ("[analysis]", "[analysis]\nthreads = 3\nbatch_size = 4"),
        (CAMERA, CAMERA + CAMERA.replace("cam1", "cam2")),
        ("rate = 2.0", "rate = 2"),
    ],
)
def test_what_leaves_windows_as_they_are_leaves_the_digest(
    tmp_path: Path, old: str, new: str
) -> None:
    assert old in BASE
    assert digest_of(tmp_path, BASE.replace(old, new)) == digest_of(tmp_path, BASE)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field's type mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (list, tuple, dict, Union, UnionType):
        for part in get_args(annotation):
            yield from models_in(part)


def all_models() -> set[type[BaseModel]]:
    """The settings and every model below them."""
    found: set[type[BaseModel]] = set()
    waiting: list[type[BaseModel]] = [Settings]
    while waiting:
        model = waiting.pop()
        if model not in found:
            found.add(model)
            for field in model.model_fields.values():
                waiting.extend(models_in(field.annotation))
    return found


def test_every_setting_has_a_description() -> None:
    models = all_models()
    assert {"Settings", "Camera", "PrivacySettings"} <= {model.__name__ for model in models}
    silent = [
        f"{model.__name__}.{name}"
        for model in models
        for name, field in model.model_fields.items()
        if not (field.description or "").endswith(".")
    ]
    assert silent == []


def test_every_table_refuses_keys_that_it_does_not_know_and_is_frozen() -> None:
    for model in all_models():
        assert model.model_config.get("extra") == "forbid", model
        assert model.model_config.get("frozen") is True, model


def test_the_schema_can_be_written_as_json() -> None:
    schema = json.loads(json.dumps(Settings.model_json_schema()))
    assert set(schema["properties"]) == set(Settings.model_fields)


known = {name.upper() for name in Settings.model_fields} | {"SETTINGS"}
names = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", min_size=1, max_size=12).filter(
    lambda name: name not in known
)


@settings(deadline=None, max_examples=examples(50))
@given(name=names)
def test_no_variable_with_our_prefix_is_silently_ignored(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write(tmp_path_factory.mktemp("school"), HEAD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"HOMEROOM_{name}", "3")
        with pytest.raises(SettingsError, match=name):
            load_settings(path)


def test_check_ins_are_on_unless_a_school_says_so_and_need_no_agreement(tmp_path: Path) -> None:
    found = load_settings(write(tmp_path, "")).checkins
    assert not found.disabled_in("7b")
    assert not found.agreement_required_in("7b")
    text = '[checkins]\noff_in_classes = ["7b"]\nagreement_classes = ["7c"]\n'
    found = load_settings(write(tmp_path, text)).checkins
    assert (found.disabled_in("7b"), found.disabled_in("7c")) == (True, False)
    assert (found.agreement_required_in("7b"), found.agreement_required_in("7c")) == (False, True)
    text = '[checkins]\nenabled = false\nagreement_classes = ["*"]\n'
    found = load_settings(write(tmp_path, text)).checkins
    assert found.disabled_in("7b")
    assert found.agreement_required_in("7b")
