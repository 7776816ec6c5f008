"""Creates the face engine that the settings name; its library is imported only then."""

from pathlib import Path

from cluster.errors import SettingsError
from cluster.settings import Settings
from cluster.vision.faces.base import FaceCutter, FaceEngine


def create_face_cutter(settings: Settings) -> FaceCutter:
    """Return the cutter of the engine that the settings name; it cannot compare any.

    Raises:
        SettingsError: InsightFace is named without a pack.
        WeightsError: Its weights are missing, or have another checksum.
    """
    if settings.registers.engine == "dlib":
        from cluster.vision.faces.dlib_engine import DlibCutter

        return DlibCutter()
    from cluster.vision.faces.insightface_engine import InsightFaceCutter

    return InsightFaceCutter(_pack_of(settings))


def create_face_engine(settings: Settings) -> FaceEngine:
    """Return the engine that the settings name.

    Raises:
        SettingsError: InsightFace is named without a pack.
        WeightsError: Its weights are missing, or have another checksum.
    """
    if settings.registers.engine == "dlib":
        from cluster.vision.faces.dlib_engine import DlibEngine

        return DlibEngine()
    from cluster.vision.faces.insightface_engine import InsightFaceEngine

    return InsightFaceEngine(_pack_of(settings))


def _pack_of(settings: Settings) -> Path:
    pack = settings.registers.insightface_pack
    if pack is None:
        raise SettingsError(
            "registers.engine is insightface, but registers.insightface_pack names no folder.",
            hint="`homeroom face download buffalo_l` downloads one.",
        )
    return pack
