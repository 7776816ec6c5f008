"""`homeroom face` and `homeroom erase`: templates, and the end of them."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.console import JsonOption, SettingsOption, answer_json, say
from cluster.cli.identity import identity_of, operator, scrub
from cluster.errors import HomeroomError
from cluster.records.repos.people import user_of
from cluster.register.erasure import erase
from cluster.register.faces.enrolment import embedding_of
from cluster.register.faces.permissions import FacePermissions
from cluster.register.faces.templates import (
    destroy_unpermitted,
    finish_rotation,
    refuse,
    rotate_keys,
    store,
)
from cluster.security.audit_actions import AuditAction
from cluster.security.master_key import read_master_key
from cluster.settings import load_settings
from cluster.vision.faces.factory import create_face_engine
from cluster.vision.faces.model_pack import LICENCE, PACKS, download_pack
from cluster.vision.pose.estimator import PoseEstimator, model_cache_dir

app = typer.Typer(help="Face templates: encrypted, consented, erasable.", no_args_is_help=True)


@app.command("register")
def register_command(
    student: Annotated[str, typer.Argument(help="The student's sourcedId.")],
    photographs: Annotated[list[Path], typer.Argument(help="Each holds one clear face.")],
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a template from photographs, which are not kept; consent is checked first."""
    with identity_of(settings) as (known, identity):
        permission = FacePermissions(known)
        with identity.work(operator()) as work:
            student_id = user_of(work.session, student, "student").id
            asked = permission.to_keep(work.session, student_id, work.now)
            work.audit(
                AuditAction.FACE_CHECK_PERMISSION,
                student_id,
                allowed=asked.allowed,
                reason=str(asked.reason),
            )
        if not asked.allowed:
            refuse(asked)
        engine = create_face_engine(known)
        embedding = embedding_of(engine, PoseEstimator.from_settings(known), photographs)
        with identity.work(operator()) as work:
            decision = store(work, permission, student_id, engine.version, embedding)
    until = decision.grant.expires_at if decision.grant else None
    if as_json:
        answer_json({"student": student, "engine": engine.version, "until": until})
    say(f"The template of {student} is stored, encrypted, until {until:%Y-%m-%d} at the latest.")


@app.command("rotate-keys")
def rotate_command(
    new_master: Annotated[
        Path | None,
        typer.Option(help="Also have this master key (a file) wrap all keys from now on."),
    ] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give each template a new key; the old keys are destroyed."""
    with identity_of(settings) as (_, identity):
        with identity.work(operator()) as work:
            count = rotate_keys(work)
        with identity.work(operator()) as work:
            finish_rotation(work)
        rewrapped = identity.keys.rewrap(read_master_key(new_master)) if new_master else 0
        scrub(identity)
    if as_json:
        answer_json({"students": count, "rewrapped": rewrapped})
    say(f"{count} students have new keys.")
    if new_master:
        say(
            f"{rewrapped} keys are wrapped by {new_master} now: set security.master_key_file to it."
        )


@app.command("purge")
def purge_command(settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """Destroy every template whose consent has ended; run it daily."""
    with identity_of(settings) as (known, identity):
        with identity.work(operator()) as work:
            gone = destroy_unpermitted(work, FacePermissions(known))
        scrub(identity)
    if as_json:
        answer_json({"destroyed": len(gone)})
    say(f"{len(gone)} templates destroyed.")


@app.command("download")
def download_command(
    pack: Annotated[str, typer.Argument(help="An InsightFace pack, like buffalo_l.")],
    accept_licence: Annotated[
        bool, typer.Option(help="The weights are for non-commercial research only.")
    ] = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Download an InsightFace pack, with its checksum and licence shown."""
    folder = model_cache_dir(load_settings(settings)) / "insightface"
    path = download_pack(pack, folder, licence_accepted=accept_licence)
    known = PACKS[pack]
    if as_json:
        answer_json({"folder": str(path), "sha256": known.zip_sha256, "licence": LICENCE})
    say(f"From {known.url}, SHA-256 {known.zip_sha256}. {LICENCE}")
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
    with identity_of(settings) as (known, identity):
        with identity.work(operator()) as work:
            keep = known.registers.erased_entries == "keep"
            done = erase(work, student, keep_entries=keep)
        scrub(identity)
    if receipt is not None:
        try:
            receipt.write_text(receipt_text(asdict(done)), encoding="utf-8")
        except OSError as error:
            raise HomeroomError(
                f"the student is erased, but the receipt cannot be written: {error.strerror}.",
                where=str(receipt),
                hint=f"The audit log has it: entry {done.audit_seq}.",
            ) from error
    if as_json:
        answer_json(asdict(done))
        return
    say(receipt_text(asdict(done)))


def receipt_text(fields: dict[str, object]) -> str:
    """A receipt for people."""
    lines = [f"{name.replace('_', ' ')}: {value}" for name, value in fields.items()]
    return "Erased.\n" + "\n".join(lines) + "\n"
