"""Time from opening a register of 40 students to its proposals, against a lower bound.

    python -m bench.register [--students 40] [--seconds 12]

Six of the students have the faces of the six adults in the photo that the installed `insightface`
package contains; the others have random templates and are never seen. The lower bound runs the
models alone on the same frames: pose, then the face network. The naive baseline processes one frame
after the other, compares every face with every template of the school in plain Python, and decrypts
the templates for each frame.
"""

import argparse
import math
import tempfile
import time
from pathlib import Path

import numpy as np

from cluster.cli.demo_register import portraits
from cluster.demo.lesson_video import write_lesson
from cluster.records.db.database import Records
from cluster.records.repos.people import students_of_class
from cluster.register.faces.enrolment import embed_images
from cluster.register.faces.from_video import MAX_SIDE_PIXELS, recognise_from_video
from cluster.register.faces.templates import decrypt_templates, store_template
from cluster.register.service import RegisterService
from cluster.register.states import EntryState
from cluster.security.keys import KeyStore
from cluster.security.master_key import LocalMasterKey
from cluster.streams.decode.file_sampler import FrameSampler
from cluster.vision.faces.base import FaceEngine
from cluster.vision.faces.factory import create_face_engine
from cluster.vision.pose.estimator import PoseEstimator
from tests.databases import sqlite_url
from tests.register.school import CLASS, LESSON, School, create_school, student, teacher


def main() -> None:
    """Run the benchmark and print its results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=40)
    parser.add_argument("--seconds", type=int, default=12)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="homeroom-bench-") as folder:
        _measure(Path(folder), options.students, options.seconds)


def _measure(folder: Path, students: int, seconds: int) -> None:
    records = Records(sqlite_url(folder / "records.sqlite"))
    records.migrate()
    keys = KeyStore(folder / "keys", LocalMasterKey(b"k" * 32))
    school = create_school(records, keys, folder, students=students)
    estimator = PoseEstimator.from_settings(school.settings)
    engine = create_face_engine(school.settings)
    visible = _register(school, engine, estimator, students)
    clip = folder / "clip.mp4"
    write_lesson(clip, seconds=seconds)
    bound = _models_alone(clip, engine, estimator)
    naive = _naive(school, clip, engine, estimator)
    began = time.perf_counter()
    school.open()
    opened = time.perf_counter() - began
    result = recognise_from_video(
        school.audited, school.settings, LESSON, clip, engine=engine, estimator=estimator
    )
    took = time.perf_counter() - began
    proposed = sum(e.mark.state is EntryState.PROPOSED for e in result.register.entries)
    print(
        f"{students} students, {visible} of them in the video; {seconds} s of 1080p, "
        f"{result.frames} frames, {proposed} proposed\n"
    )
    print(f"opening                       {1000 * opened:8.0f} ms")
    print(f"from opening to proposals     {took:8.1f} s")
    print(f"lower bound: models alone     {bound:8.1f} s   ratio {bound / took:.2f}")
    print(f"naive baseline                {naive:8.1f} s   Homeroom is {naive / took:.2f}× as fast")
    began = time.perf_counter()
    with school.audited.work(teacher(1)) as work:
        RegisterService(work, school.settings).confirm(LESSON, version=result.register.version)
    print(f"confirming                    {1000 * (time.perf_counter() - began):8.0f} ms")
    records.close()


def _register(school: School, engine: FaceEngine, estimator: PoseEstimator, students: int) -> int:
    """Store templates: of the photo's faces for the first students, random for the rest."""
    school.consent(*range(1, students + 1))
    real = [
        embed_images(engine, estimator, {"face": image}) for image in portraits(engine, estimator)
    ]
    random = np.random.default_rng(1)
    with school.audited.work("operator:bench") as work:
        for number in range(1, students + 1):
            generated = random.normal(0, 1, engine.dimensions)
            generated *= np.linalg.norm(real[0]) / np.linalg.norm(generated)
            embedding = real[number - 1] if number <= len(real) else generated
            store_template(
                work,
                school.permission,
                student(number),
                engine.version,
                np.asarray(embedding, np.float32),
            )
    return len(real)


def _models_alone(clip: Path, engine: FaceEngine, estimator: PoseEstimator) -> float:
    frames = [f.pixels for f in FrameSampler(str(clip), long_side=MAX_SIDE_PIXELS).frames()]
    estimator.estimate(frames[:1])
    began = time.perf_counter()
    for frame in frames:
        (people,) = estimator.estimate([frame])
        chips = engine.chips(frame, people)
        if chips:
            engine.embed(chips)
    return time.perf_counter() - began


def _naive(school: School, clip: Path, engine: FaceEngine, estimator: PoseEstimator) -> float:
    students = _ids(school)
    began = time.perf_counter()
    for frame in FrameSampler(str(clip), long_side=MAX_SIDE_PIXELS, cheap=False).frames():
        (people,) = estimator.estimate([frame.pixels])
        for chip in engine.faces(frame.pixels, people):
            (embedding,) = engine.embed([chip])
            with school.audited.work("operator:bench") as work:
                templates = decrypt_templates(work, students, engine.version)
            for template in templates:
                math.dist(embedding.tolist(), template.embedding.tolist())
    return time.perf_counter() - began


def _ids(school: School) -> list[str]:
    with school.audited.records.reading() as session:
        return students_of_class(session, CLASS, school.clock.now.date())


if __name__ == "__main__":
    main()
