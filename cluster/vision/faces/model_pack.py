"""InsightFace's model packs: download and verification.

    download_pack -> folder/{det,rec}.onnx + pack.json -> verify_pack -> ONNX Runtime

Packs are downloaded only when an operator runs `homeroom face download`, after accepting the
licence. Of a pack's files only the detector and the recogniser are kept: the others estimate age
and sex, which Homeroom never does (R1).
"""

import json
import logging
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster.errors import LicenceNotAccepted, WeightsError, WeightsMismatch, WeightsMissing
from cluster.vision.faces.alignment import verify_weights

_log = logging.getLogger(__name__)

LICENCE: Final = (
    "The pretrained models provided with InsightFace are for non-commercial research only, "
    "whether downloaded automatically or by hand (https://github.com/deepinsight/insightface)."
)
MANIFEST: Final = "pack.json"
RELEASE: Final = "https://github.com/deepinsight/insightface/releases/download/v0.7"


@dataclass(frozen=True, slots=True)
class ModelPack:
    """A published pack: the zip's SHA-256, and those of its detector and its recogniser."""

    name: str
    zip_sha256: str
    files: Mapping[str, str]

    @property
    def url(self) -> str:
        """The official URL."""
        return f"{RELEASE}/{self.name}.zip"


_SMALL: Final = {
    "det_500m.onnx": "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a",
    "w600k_mbf.onnx": "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
}

PACKS: Final = {
    pack.name: pack
    for pack in (
        ModelPack(
            "buffalo_l",
            "80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f",
            {
                "det_10g.onnx": "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",
                "w600k_r50.onnx": (
                    "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43"
                ),
            },
        ),
        ModelPack(
            "buffalo_s",
            "d85a87f503f691807cd8bb97128bdf7a0660326cd9cd02657127fa978bab8b5e",
            _SMALL,
        ),
        ModelPack(
            "buffalo_sc",
            "57d31b56b6ffa911c8a73cfc1707c73cab76efe7f13b675a05223bf42de47c72",
            _SMALL,
        ),
    )
}
"""InsightFace's documentation lists no checksums: these are the ones that independent projects pin
for release v0.7, all with the same values."""


def verify_pack(folder: Path, checksums: Mapping[str, str] | None = None) -> dict[Path, str]:
    """Return the files of a pack with their SHA-256, each verified before it is opened.

    Args:
        folder: Folder of the pack.
        checksums: File name to SHA-256; by default those of `pack.json` in the folder, else those
            of the published pack whose files are there.

    Raises:
        WeightsMissing: There is no such folder or file, or no known checksum.
        WeightsMismatch: A file has another checksum. None was loaded.
        WeightsError: `pack.json` is invalid.
    """
    if not folder.is_dir():
        raise WeightsMissing(
            "there is no such folder of an InsightFace pack.",
            where=str(folder),
            hint="Correct `registers.insightface_pack`, or use `registers.engine = 'dlib'`.",
        )
    expected = checksums if checksums is not None else _expected_checksums(folder)
    hint = f"Download the pack again, or correct its {MANIFEST}."
    return {
        verify_weights(folder / name, sha256, hint=hint): sha256
        for name, sha256 in sorted(expected.items())
    }


def _expected_checksums(folder: Path) -> Mapping[str, str]:
    manifest = folder / MANIFEST
    if manifest.is_file():
        return _read_manifest(manifest)
    for pack in PACKS.values():
        if all((folder / name).is_file() for name in pack.files):
            return pack.files
    raise WeightsMissing(
        f"the folder has neither a {MANIFEST} nor the files of {', '.join(PACKS)}.",
        where=str(folder),
        hint=f'Write a {MANIFEST}: {{"sha256": {{"detector.onnx": "…", "recogniser.onnx": "…"}}}}.',
    )


def _read_manifest(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text("utf-8"))["sha256"]
        names = {str(name): str(sha256) for name, sha256 in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"it is invalid: {error!r}.",
            where=str(path),
            hint='It must read {"sha256": {file name: checksum}}.',
        ) from error
    if any(Path(name).name != name for name in names):
        raise WeightsError("it names a file outside its folder.", where=str(path))
    return names


def download_pack(
    name: str,
    folder: Path,
    *,
    licence_accepted: bool,
    download: Callable[[ModelPack, Path], Path] | None = None,
) -> Path:
    """Download a pack, verify it, and put its detector and recogniser into a folder.

    Args:
        name: One of `PACKS`.
        folder: Destination; created if it does not exist. `pack.json` is written there too.
        licence_accepted: Whether the operator has read `LICENCE` and may use the weights.
        download: Downloads the zip into a folder; from the official URL unless given.

    Raises:
        LicenceNotAccepted: The licence was not accepted. Nothing was downloaded.
        WeightsMissing: The pack is unknown, could not be downloaded, or lacks a file.
        WeightsMismatch: The download is not the published pack. Nothing of it was kept.
    """
    if name not in PACKS:
        raise WeightsMissing(
            f"there is no known pack {name!r}.", hint=f"Choose one of {', '.join(PACKS)}."
        )
    pack = PACKS[name]
    if not licence_accepted:
        raise LicenceNotAccepted(
            f"{name} was not downloaded: {LICENCE}",
            hint="Accept the licence if your use is within it; dlib's weights are free to use.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".pack-", dir=folder) as scratch:
        archive = (download or fetch_pack)(pack, Path(scratch))
        verify_weights(archive, pack.zip_sha256, hint="Try again; if it persists, do not use it.")
        _unpack(archive, pack, Path(scratch))
        for file in pack.files:
            (Path(scratch) / file).replace(folder / file)
    manifest = {"name": pack.name, "origin": pack.url, "licence": LICENCE, "sha256": pack.files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    return folder


def fetch_pack(pack: ModelPack, into: Path) -> Path:
    """Download the official zip, verified before it is renamed into place.

    Raises:
        WeightsMissing: It could not be downloaded.
        WeightsMismatch: The download is not the official file.
    """
    # Not at the top: they take a tenth of a second to import, and few processes download.
    import pooch
    import requests

    _log.info("downloading %s from %s", pack.name, pack.url)
    try:
        checksum = f"sha256:{pack.zip_sha256}"
        return Path(pooch.retrieve(pack.url, checksum, fname=f"{pack.name}.zip", path=into))
    except (requests.RequestException, OSError) as error:
        raise WeightsMissing(
            f"{pack.name} could not be downloaded: {error}.",
            where=pack.url,
            hint="Download it on another machine, and set `registers.insightface_pack`.",
        ) from error
    except ValueError as error:
        raise WeightsMismatch(str(error), where=pack.url) from error


def _unpack(archive: Path, pack: ModelPack, into: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            members = {Path(member).name: member for member in opened.namelist()}
            for name, sha256 in pack.files.items():
                if name not in members:
                    raise WeightsMissing(f"the pack has no {name}.", where=str(archive))
                with opened.open(members[name]) as source, (into / name).open("wb") as target:
                    shutil.copyfileobj(source, target)
                verify_weights(into / name, sha256, hint="The pack is not the published one.")
    except zipfile.BadZipFile as error:
        raise WeightsMismatch(f"it is not a zip file: {error}.", where=str(archive)) from error
