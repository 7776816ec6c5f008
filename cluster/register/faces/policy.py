"""The district's face policy (R4): a file that switches face roll call on, for named classes.

    [face_roll_call]
    switched_on = true
    classes = ["class-7b-science"]          # OneRoster's sourcedIds
    legal_basis = "GDPR Art. 9(2)(a), explicit consent"
    impact_assessment = "DPIA-2026-04"
    approved_by = "Data protection officer"
    approved_on = 2026-08-20
    valid_until = 2027-07-31
    notice_version = "2026-1"               # grants for another notice do not count

Face roll call is off if the file is missing or unreadable, or if a key is missing.
"""

import hashlib
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cluster.errors import SettingsError

Text = Annotated[str, Field(min_length=1, max_length=500)]


class FaceRollCall(BaseModel):
    """The district's decision on face roll call."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    switched_on: bool
    classes: Annotated[list[Text], Field(min_length=1)]
    legal_basis: Text
    impact_assessment: Text
    approved_by: Text
    approved_on: date
    valid_until: date
    notice_version: Text

    @model_validator(mode="after")
    def _check_dates(self) -> "FaceRollCall":
        if self.valid_until < self.approved_on:
            raise ValueError("valid_until is before approved_on")
        return self


class _PolicyFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    face_roll_call: FaceRollCall


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy and the digest of its file.

    Attributes:
        face_roll_call: The decision.
        digest: First digits of the file's SHA-256, for the audit log.
    """

    face_roll_call: FaceRollCall
    digest: str


def load_policy(path: Path | None) -> Policy | None:
    """Read a policy file; None if the settings name none.

    Raises:
        SettingsError: The file cannot be read, or a key is missing, unknown or invalid.
    """
    if path is None:
        return None
    try:
        content = path.read_bytes()
        values = tomllib.loads(content.decode("utf-8-sig"))
        decided = _PolicyFile.model_validate(values).face_roll_call
    except ValidationError as error:
        lines = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        )
        raise SettingsError(f"{lines}.", where=str(path)) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"the policy cannot be read: {error}.", where=str(path)) from error
    return Policy(decided, hashlib.sha256(content).hexdigest()[:12])
