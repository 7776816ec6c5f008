"""`homeroom face` and `homeroom erase`: face templates, and erasing a student."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.console import JsonOption, SettingsOption, answer_json, say
from cluster.cli.installation import open_installation, operator_actor, scrub_records
from cluster.errors import HomeroomError
from cluster.records.repos.people import user_of
from cluster.register.erasure import erase
from cluster.register.faces.enrolment import embed_photos
from cluster.register.faces.permissions import FacePermissions
from cluster.register.faces.templates import (
    denied_error,
    destroy_unpermitted,
    finish_rotation,
    rotate_keys,
    store_template,
)
from cluster.security.audit_actions import AuditAction
from cluster.security.master_key import read_master_key
from cluster.settings import load_settings
from cluster.vision.faces.factory import create_face_engine
from cluster.vision.faces.model_pack import LICENCE, PACKS, download_pack
from cluster.vision.pose.estimator import PoseEstimator, model_cache_dir

app = typer.Typer(help="Face templates: encrypted, with consent, erasable.", no_args_is_help=True)


@app.command("register")
def register_command(
    student: Annotated[str, typer.Argument(help="The student's sourcedId.")],
    photographs: Annotated[list[Path], typer.Argument(help="Each shows one clear face.")],
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a template from photos, which are not stored; consent is checked first."""
    with open_installation(settings) as (loaded, audited):
        permission = FacePermissions(loaded)
        with audited.work(operator_actor()) as work:
            student_id = user_of(work.session, student, "student").id
            decision = permission.may_keep(work.session, student_id, work.now)
            reason = str(decision.reason)
            work.audit(
                AuditAction.FACE_CHECK_PERMISSION,
                student_id,
                allowed=decision.allowed,
                reason=reason,
            )
        if not decision.allowed:
            raise denied_error(decision)
        engine = create_face_engine(loaded)
        embedding = embed_photos(engine, PoseEstimator.from_settings(loaded), photographs)
        with audited.work(operator_actor()) as work:
            decision = store_template(work, permission, student_id, engine.version, embedding)
    until = decision.grant.expires_at if decision.grant else None
    if as_json:
        answer_json({"student": student, "engine": engine.version, "until": until})
    say(f"The template of {student} is stored, encrypted, until {until:%Y-%m-%d} at the latest.")


@app.command("rotate-keys")
def rotate_command(
    new_master: Annotated[
        Path | None,
        typer.Option(help="Also wrap all keys with this master key (a file) from now on."),
    ] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Re-encrypt each template with a new key, and destroy the old keys."""
    with open_installation(settings) as (_, audited):
        with audited.work(operator_actor()) as work:
            count = rotate_keys(work)
        with audited.work(operator_actor()) as work:
            finish_rotation(work)
        rewrapped = audited.keys.rewrap(read_master_key(new_master)) if new_master else 0
        scrub_records(audited)
    if as_json:
        answer_json({"students": count, "rewrapped": rewrapped})
    say(f"{count} students have new keys.")
    if new_master:
        say(
            f"{rewrapped} keys are wrapped by {new_master} now: set security.master_key_file to it."
        )


@app.command("purge")
def purge_command(settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """Destroy every template whose consent has ended; to be run daily."""
    with open_installation(settings) as (loaded, audited):
        with audited.work(operator_actor()) as work:
            destroyed = destroy_unpermitted(work, FacePermissions(loaded))
        scrub_records(audited)
    if as_json:
        answer_json({"destroyed": len(destroyed)})
    say(f"{len(destroyed)} templates destroyed.")


@app.command("download")
def download_command(
    pack: Annotated[str, typer.Argument(help="An InsightFace pack, like buffalo_l.")],
    accept_licence: Annotated[
        bool, typer.Option(help="The weights are for non-commercial research only.")
    ] = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Download an InsightFace pack, and show its checksum and licence."""
    folder = model_cache_dir(load_settings(settings)) / "insightface"
    path = download_pack(pack, folder, licence_accepted=accept_licence)
    downloaded = PACKS[pack]
    if as_json:
        answer_json({"folder": str(path), "sha256": downloaded.zip_sha256, "licence": LICENCE})
    say(f"From {downloaded.url}, SHA-256 {downloaded.zip_sha256}. {LICENCE}")
    say(f"{path} holds {pack}: set registers.engine and registers.insightface_pack to it.")


def erase_command(
    student: Annotated[str, typer.Argument(help="The student's sourcedId.")],
    receipt: Annotated[
        Path | None, typer.Option(help="Where to write the receipt; it names nobody.")
    ] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase a student: key, template, badge, names and, by policy, register entries."""
    with open_installation(settings) as (loaded, audited):
        with audited.work(operator_actor()) as work:
            keep = loaded.registers.erased_entries == "keep"
            erased = erase(work, student, keep_entries=keep)
        scrub_records(audited)
    if receipt is not None:
        try:
            receipt.write_text(format_receipt(asdict(erased)), encoding="utf-8")
        except OSError as error:
            raise HomeroomError(
                f"the student is erased, but the receipt cannot be written: {error.strerror}.",
                where=str(receipt),
                hint=f"The audit log has it: entry {erased.audit_seq}.",
            ) from error
    if as_json:
        answer_json(asdict(erased))
        return
    say(format_receipt(asdict(erased)))


def format_receipt(fields: dict[str, object]) -> str:
    """Format a receipt as text."""
    lines = [f"{name.replace('_', ' ')}: {value}" for name, value in fields.items()]
    return "Erased.\n" + "\n".join(lines) + "\n"
