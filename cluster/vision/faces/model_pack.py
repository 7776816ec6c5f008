"""InsightFace's model packs: where they come from, and the proof of what is in a folder.

    download_pack -> folder/{det,rec}.onnx + pack.json -> pack_files (checked) -> ONNX Runtime

Nothing else in Homeroom fetches them: `download_pack` runs when an operator asks for it, after
the licence was accepted. Of a pack's files only the detector and the recogniser are taken: the
others estimate age and sex, which Homeroom has no use for.
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

import pooch
import requests

from cluster.errors import LicenceNotAccepted, WeightsError, WeightsMismatch, WeightsMissing
from cluster.vision.faces.alignment import checked_weights

_log = logging.getLogger(__name__)

LICENCE: Final = (
    "The pretrained models provided with InsightFace are for non-commercial research only, "
    "whether downloaded automatically or by hand (https://github.com/deepinsight/insightface)."
)
MANIFEST: Final = "pack.json"
RELEASE: Final = "https://github.com/deepinsight/insightface/releases/download/v0.7"


@dataclass(frozen=True, slots=True)
class Pack:
    """A published pack: the zip's SHA-256, and those of its detector and its recogniser."""

    name: str
    zip_sha256: str
    files: Mapping[str, str]

    @property
    def url(self) -> str:
        """The official address."""
        return f"{RELEASE}/{self.name}.zip"


_SMALL: Final = {
    "det_500m.onnx": "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a",
    "w600k_mbf.onnx": "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
}

PACKS: Final = {
    pack.name: pack
    for pack in (
        Pack(
            "buffalo_l",
            "80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f",
            {
                "det_10g.onnx": "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",
                "w600k_r50.onnx": (
                    "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43"
                ),
            },
        ),
        Pack(
            "buffalo_s",
            "d85a87f503f691807cd8bb97128bdf7a0660326cd9cd02657127fa978bab8b5e",
            _SMALL,
        ),
        Pack(
            "buffalo_sc",
            "57d31b56b6ffa911c8a73cfc1707c73cab76efe7f13b675a05223bf42de47c72",
            _SMALL,
        ),
    )
}
"""InsightFace publishes no list of checksums in its documentation: these are the sums that
independent projects pin for the release v0.7, and that agree with each other."""


def pack_files(folder: Path, checksums: Mapping[str, str] | None = None) -> dict[Path, str]:
    """The files of a pack with their SHA-256, each compared before it is opened.

    Args:
        folder: Where the pack lies.
        checksums: File name to SHA-256; else what `pack.json` in the folder says, else the sums
            of the published pack whose files are there.

    Raises:
        WeightsMissing: There is no such folder or file, or nothing says what should be in it.
        WeightsMismatch: A file is another one. None was loaded.
        WeightsError: `pack.json` cannot be understood.
    """
    if not folder.is_dir():
        raise WeightsMissing(
            "there is no such folder of an InsightFace pack.",
            where=str(folder),
            hint="Correct `registers.insightface_pack`, or use `registers.engine = 'dlib'`.",
        )
    expected = checksums if checksums is not None else _expected(folder)
    hint = f"Fetch the pack anew, or correct its {MANIFEST}."
    return {
        checked_weights(folder / name, sha256, hint=hint): sha256
        for name, sha256 in sorted(expected.items())
    }


def _expected(folder: Path) -> Mapping[str, str]:
    manifest = folder / MANIFEST
    if manifest.is_file():
        return _read_manifest(manifest)
    for pack in PACKS.values():
        if all((folder / name).is_file() for name in pack.files):
            return pack.files
    raise WeightsMissing(
        f"the folder holds no {MANIFEST}, and not the files of {', '.join(PACKS)}.",
        where=str(folder),
        hint=f'Write a {MANIFEST}: {{"sha256": {{"detector.onnx": "…", "recogniser.onnx": "…"}}}}.',
    )


def _read_manifest(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text("utf-8"))["sha256"]
        names = {str(name): str(sha256) for name, sha256 in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"it cannot be understood: {error!r}.",
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
    download: Callable[[Pack, Path], Path] | None = None,
) -> Path:
    """Fetch a pack, check it, and put its detector and recogniser into a folder.

    Args:
        name: One of `PACKS`.
        folder: Where to; made if need be. `pack.json` is written beside the files.
        licence_accepted: That whoever runs this has read `LICENCE` and may use the weights.
        download: How to fetch the zip into a folder; from the official address unless given.

    Raises:
        LicenceNotAccepted: The licence was not accepted. Nothing was fetched.
        WeightsMissing: The pack is not known, could not be fetched, or lacks a file.
        WeightsMismatch: What came is not the published pack. Nothing of it was kept.
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
    with tempfile.TemporaryDirectory(prefix=".pack-", dir=folder) as apart:
        archive = (download or fetch_pack)(pack, Path(apart))
        checked_weights(archive, pack.zip_sha256, hint="Try again; if it persists, do not use it.")
        _unpack(archive, pack, Path(apart))
        for file in pack.files:
            (Path(apart) / file).replace(folder / file)
    manifest = {"name": pack.name, "origin": pack.url, "licence": LICENCE, "sha256": pack.files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    return folder


def fetch_pack(pack: Pack, into: Path) -> Path:
    """Fetch the official zip, checked before it takes its name.

    Raises:
        WeightsMissing: It could not be fetched.
        WeightsMismatch: What came is not the official file.
    """
    _log.info("downloading %s from %s", pack.name, pack.url)
    try:
        known = f"sha256:{pack.zip_sha256}"
        return Path(pooch.retrieve(pack.url, known, fname=f"{pack.name}.zip", path=into))
    except (requests.RequestException, OSError) as error:
        raise WeightsMissing(
            f"{pack.name} could not be downloaded: {error}.",
            where=pack.url,
            hint="Fetch it on another machine, and set `registers.insightface_pack`.",
        ) from error
    except ValueError as error:
        raise WeightsMismatch(str(error), where=pack.url) from error


def _unpack(archive: Path, pack: Pack, into: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            members = {Path(member).name: member for member in opened.namelist()}
            for name, sha256 in pack.files.items():
                if name not in members:
                    raise WeightsMissing(f"the pack holds no {name}.", where=str(archive))
                with opened.open(members[name]) as source, (into / name).open("wb") as target:
                    shutil.copyfileobj(source, target)
                checked_weights(into / name, sha256, hint="The pack is not the published one.")
    except zipfile.BadZipFile as error:
        raise WeightsMismatch(f"it is no zip file: {error}.", where=str(archive)) from error
