"""The live service as one Serve application, for every way to start it.

    Api ─> Rooms ─> readers (actors) ─> PoseModel
                          └──> Registers ─> FaceModel

    serve run serve_apps.app:build settings=/srv/homeroom/homeroom.toml
    serve deploy deploy/serve.yaml

The deployments that hold state or identity run on the head node, where the settings, the records
and the keys are; the models run wherever there are GPUs, and the readers wherever there are CPUs.
"""

from pathlib import Path
from typing import Any

import ray
from pydantic import BaseModel, ConfigDict, Field
from ray.serve import Application

from cluster.settings import load_settings
from cluster.settings.redacted import without_secrets
from serve_apps.deployments.face_model import FaceModel, face_options
from serve_apps.deployments.ingress import Api
from serve_apps.deployments.pose_model import PoseModel, pose_options
from serve_apps.deployments.registers import Registers
from serve_apps.deployments.rooms import Rooms

APP = "homeroom"
HEAD_NODE_OPTIONS = {"num_cpus": 0.05, "resources": {"node:__internal_head__": 0.001}}


class Arguments(BaseModel):
    """Arguments of the application.

    Attributes:
        settings: The settings file, by its path on the head node.
        revision: Any text. Serve does not redeploy an application whose arguments are unchanged;
            another text has every replica replaced, and with it what is loaded at the start.
    """

    model_config = ConfigDict(extra="forbid")

    settings: str | None = Field(None, description="The settings file.")
    revision: str = Field("", description="Another text has every replica replaced.")


def build(args: Arguments) -> Application:
    """Build the application.

    Raises:
        SettingsError: The settings are invalid.
    """
    settings = load_settings(args.settings)
    path = str(Path(args.settings).absolute()) if args.settings else None
    shared = without_secrets(settings)
    gpus = int(ray.cluster_resources().get("GPU", 0)) if ray.is_initialized() else 0
    pose = _deployment(PoseModel).options(**pose_options(settings, gpus)).bind(shared)
    face = _deployment(FaceModel).options(**face_options(settings)).bind(shared)
    rooms = _deployment(Rooms).options(ray_actor_options=HEAD_NODE_OPTIONS).bind(path)
    registers = _deployment(Registers).options(ray_actor_options=HEAD_NODE_OPTIONS).bind(path)
    api = _deployment(Api).options(ray_actor_options=HEAD_NODE_OPTIONS)
    return api.bind(path, rooms, pose, registers, face)


def _deployment(decorated: Any) -> Any:
    """Return a deployment untyped: type checkers see the decorated class, not a deployment."""
    return decorated
