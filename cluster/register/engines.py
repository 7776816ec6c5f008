"""Which engine compares faces: what the settings say."""

from cluster.errors import SettingsError
from cluster.settings import Settings
from cluster.vision.faces import FaceEngine


def face_engine(settings: Settings) -> FaceEngine:
    """The engine that the settings name; its libraries are imported here, and not before.

    Raises:
        SettingsError: InsightFace is named without a pack.
        WeightsError: Its weights are missing, or are not what they should be.
    """
    if settings.registers.engine == "dlib":
        from cluster.vision.faces_dlib import DlibEngine

        return DlibEngine()
    if settings.registers.insightface_pack is None:
        raise SettingsError(
            "registers.engine is insightface, but registers.insightface_pack names no folder.",
            hint="`homeroom face download buffalo_l` fetches one.",
        )
    from cluster.vision.faces_insightface import InsightFaceEngine

    return InsightFaceEngine(settings.registers.insightface_pack)
