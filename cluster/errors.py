"""The tree of errors that Homeroom raises.

    HomeroomError
    ├── SettingsError             settings_invalid
    ├── FootageError              footage_unusable
    │   ├── FootageUnreadable     footage_unreadable
    │   ├── FootageUntimed        footage_untimed
    │   ├── FootageTruncated      footage_truncated
    │   └── FootageListError      footage_list_invalid
    ├── WeightsError              weights_unusable
    │   ├── WeightsMissing        weights_missing
    │   ├── WeightsMismatch       weights_mismatch
    │   └── LicenceNotAccepted    licence_not_accepted
    ├── VisionError               vision_failed
    ├── CalibrationError          calibration_unusable
    ├── LakeError                 lake_unusable
    │   ├── LakeBusy              lake_busy
    │   └── LakeUnwritable        lake_unwritable
    ├── WarehouseError            warehouse_unusable
    │   ├── NotPublished          warehouse_not_published
    │   └── QueryRefused          query_refused
    ├── RayError                  ray_unusable
    ├── KeyUnusable               key_unusable
    │   └── KeyMissing            key_missing
    ├── RecordsError              records_unusable
    │   ├── RecordsOutdated       records_outdated
    │   └── RecordsBusy           records_busy
    ├── RosterError               roster_invalid
    ├── NotFound                  not_found
    ├── NotAllowed                not_allowed
    │   ├── RoleMissing           role_missing
    │   ├── SchoolMissing         school_missing
    │   └── TeacherUnknown        teacher_unknown
    ├── FaceUnclear               face_unclear
    ├── RegisterError             register_refused
    │   └── RegisterChanged       register_changed
    ├── BadgeRefused              badge_refused
    ├── CheckinError              checkin_refused
    │   ├── AlreadyAnswered       already_answered
    │   ├── CheckinClosed         checkin_closed
    │   └── CheckinOff            checkin_off
    ├── AuditBroken               audit_broken
    ├── StreamError               stream_unusable
    ├── JournalError              journal_unusable
    ├── NotSignedIn               not_signed_in
    │   └── SignInCancelled       sign_in_cancelled
    ├── TooManyRequests           too_many_requests
    ├── ServiceBusy               service_busy
    ├── ServiceDown               service_down
    └── JobError                  job_refused

A message says what was wrong and where; the hint says what to do. Codes are stable: programs may
match on them.
"""

from typing import Any, ClassVar


class HomeroomError(Exception):
    """Base class of all errors.

    Args:
        what: What was wrong, with the offending value.
        where: The file, key or address of the problem.
        hint: What to do about it.
    """

    code: ClassVar[str] = "homeroom"

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" {self.hint}" if self.hint else ""
        return f"{place}{self.what}{advice}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with keyword arguments, so that an error can be sent between processes."""
        return (_unpickle, (type(self), self.what, self.where, self.hint))


def _unpickle(
    kind: type[HomeroomError], what: str, where: str | None, hint: str | None
) -> HomeroomError:
    return kind(what, where=where, hint=hint)


class SettingsError(HomeroomError):
    """The settings file or an environment variable is invalid."""

    code = "settings_invalid"


class FootageError(HomeroomError):
    """A piece of footage cannot be used."""

    code = "footage_unusable"


class FootageUnreadable(FootageError):
    """FFmpeg cannot open or decode it, or it holds no video."""

    code = "footage_unreadable"


class FootageUntimed(FootageError):
    """Its timestamps are missing or run backwards."""

    code = "footage_untimed"


class FootageTruncated(FootageError):
    """It ends before its stated duration."""

    code = "footage_truncated"


class FootageListError(FootageError):
    """A manifest, a file name or a start time cannot be understood."""

    code = "footage_list_invalid"


class WeightsError(HomeroomError):
    """A weights file cannot be used."""

    code = "weights_unusable"


class WeightsMissing(WeightsError):
    """No weights file was found, and none could be downloaded."""

    code = "weights_missing"


class WeightsMismatch(WeightsError):
    """The file's SHA-256 is not the expected one; it was not loaded."""

    code = "weights_mismatch"


class LicenceNotAccepted(WeightsError):
    """The weights have a licence that the operator has not accepted."""

    code = "licence_not_accepted"


class VisionError(HomeroomError):
    """A model could not be converted, compiled or run."""

    code = "vision_failed"


class CalibrationError(HomeroomError):
    """What is measured of a camera cannot be stored, or it cannot be measured."""

    code = "calibration_unusable"


class LakeError(HomeroomError):
    """The lake cannot be used."""

    code = "lake_unusable"


class LakeBusy(LakeError):
    """Another process is writing to it."""

    code = "lake_busy"


class LakeUnwritable(LakeError):
    """A part could not be written: the folder is read-only, or the disk is full."""

    code = "lake_unwritable"


class WarehouseError(HomeroomError):
    """The warehouse could not be built, checked or opened."""

    code = "warehouse_unusable"


class NotPublished(WarehouseError):
    """There is no published warehouse yet."""

    code = "warehouse_not_published"


class QueryRefused(WarehouseError):
    """The query is not read-only, or DuckDB rejected it."""

    code = "query_refused"


class RayError(HomeroomError):
    """Ray could not be started or reached, or its configuration breaks a rule (R8)."""

    code = "ray_unusable"


class KeyUnusable(HomeroomError):
    """A key cannot be read, unwrapped or written, or does not decrypt its data."""

    code = "key_unusable"


class KeyMissing(KeyUnusable):
    """The key was destroyed, or never existed."""

    code = "key_missing"


class RecordsError(HomeroomError):
    """The records cannot be opened, read or written."""

    code = "records_unusable"


class RecordsOutdated(RecordsError):
    """The records' schema is that of another version of Homeroom."""

    code = "records_outdated"


class RecordsBusy(RecordsError):
    """Another writer has locked the records for too long."""

    code = "records_busy"


class RosterError(HomeroomError):
    """A roster or timetable cannot be imported."""

    code = "roster_invalid"


class NotFound(HomeroomError):
    """There is no such student, class, lesson or register."""

    code = "not_found"


class NotAllowed(HomeroomError):
    """A rule, the policy or a missing consent forbids it."""

    code = "not_allowed"


class RoleMissing(NotAllowed):
    """What the identity provider says of somebody gives them no role."""

    code = "role_missing"


class SchoolMissing(NotAllowed):
    """A school leader leads no school of the settings."""

    code = "school_missing"


class TeacherUnknown(NotAllowed):
    """The identity provider does not say which teacher of the roster somebody is."""

    code = "teacher_unknown"


class FaceUnclear(HomeroomError):
    """A photograph does not show exactly one clear face."""

    code = "face_unclear"


class RegisterError(HomeroomError):
    """The register is in a state that does not allow this."""

    code = "register_refused"


class RegisterChanged(RegisterError):
    """Somebody else changed the register in the meantime."""

    code = "register_changed"


class BadgeRefused(HomeroomError):
    """The badge was issued elsewhere, has expired, or was replaced."""

    code = "badge_refused"


class CheckinError(HomeroomError):
    """The check-in cannot be started, or is in a state that does not allow this."""

    code = "checkin_refused"


class AlreadyAnswered(CheckinError):
    """This device, or this slip, has been used for it before."""

    code = "already_answered"


class CheckinClosed(CheckinError):
    """There is no check-in under this code, or it is over."""

    code = "checkin_closed"


class CheckinOff(CheckinError):
    """The school has switched check-ins off, for all or for this class."""

    code = "checkin_off"


class AuditBroken(HomeroomError):
    """The audit log was tampered with."""

    code = "audit_broken"


class StreamError(HomeroomError):
    """A camera cannot be read."""

    code = "stream_unusable"


class JournalError(HomeroomError):
    """The journal of live windows cannot be opened or written."""

    code = "journal_unusable"


class NotSignedIn(HomeroomError):
    """There is no sign-in, or it has expired or was revoked."""

    code = "not_signed_in"


class SignInCancelled(NotSignedIn):
    """Somebody came back from the identity provider without signing in."""

    code = "sign_in_cancelled"


class TooManyRequests(HomeroomError):
    """The caller exceeds the rate limit of the settings."""

    code = "too_many_requests"


class ServiceBusy(HomeroomError):
    """A queue of the live service is full; retry later."""

    code = "service_busy"


class ServiceDown(HomeroomError):
    """A part of the live service does not answer."""

    code = "service_down"


class JobError(HomeroomError):
    """Ray rejected the job, or does not know it."""

    code = "job_refused"
