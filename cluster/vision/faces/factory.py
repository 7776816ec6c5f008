"""Which engine cuts and compares faces: what the settings say. Libraries are imported here."""

from pathlib import Path

from cluster.errors import SettingsError
from cluster.settings import Settings
from cluster.vision.faces.base import FaceCutter, FaceEngine


def face_cutter(settings: Settings) -> FaceCutter:
    """What cuts chips for the engine that the settings name; it cannot compare any.

    Raises:
        SettingsError: InsightFace is named without a pack.
        WeightsError: Its weights are missing, or are not what they should be.
    """
    if settings.registers.engine == "dlib":
        from cluster.vision.faces.dlib_engine import DlibCutter

        return DlibCutter()
    from cluster.vision.faces.insightface_engine import InsightFaceCutter

    return InsightFaceCutter(_pack_of(settings))


def face_engine(settings: Settings) -> FaceEngine:
    """The engine that the settings name.

    Raises:
        SettingsError: InsightFace is named without a pack.
        WeightsError: Its weights are missing, or are not what they should be.
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
            hint="`homeroom face download buffalo_l` fetches one.",
        )
    return pack
