"""Draws a room and its people with OpenGL, without a window: on a GPU, or in software (llvmpipe).

A frame is drawn larger than asked for, and gives colours and, from the same draw, whose pixel each
is and how far away. With a camera that stays, the room is drawn once and its people in each frame.
"""

from typing import Any, Final

import moderngl
import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull

from bench.classroom import shaders
from bench.classroom.bodies import PARTS, Bodies
from bench.classroom.drawables import Drawn, Figure, Light
from bench.classroom.geometry import Array, Faces, cube, normals, sphere, subdivide
from bench.classroom.targets import Target, find_uniform, set_uniforms
from bench.classroom.textures import COUNT, SIZE, draw_textures
from bench.classroom.things import Things

FINE_METRES: Final = 2.8
"""Bodies nearer than this are drawn with four times the triangles."""
ROWS: Final = 12000
TILE: Final = 96
TILES: Final = 10
SHADOWS: Final = 1024


class _Mesh:
    """Buffers for one mesh, written anew for each body."""

    def __init__(self, renderer: "Renderer", mean: Array, parts: Array, faces: Faces) -> None:
        context = renderer.context
        self.faces = faces
        self.posed = context.buffer(reserve=len(mean) * 24, dynamic=True)
        rest = context.buffer(np.hstack([mean, parts]).astype("f4").tobytes())
        order = context.buffer(faces.astype("i4").tobytes())
        content = [
            (self.posed, "3f 3f", "position", "normal"),
            (rest, "3f 4f", "rest", "parts"),
        ]
        self.buffers = (self.posed, rest, order)
        self.arrays = {
            name: context.vertex_array(program, content, order, skip_errors=True)
            for name, program in renderer.body_programs.items()
        }

    def write(
        self, vertices: npt.NDArray[np.floating], directions: npt.NDArray[np.floating]
    ) -> None:
        self.posed.write(np.hstack([vertices, directions]).astype("f4").tobytes())

    def release(self) -> None:
        for array in self.arrays.values():
            array.release()
        for buffer in self.buffers:
            buffer.release()


class Renderer:
    """Draws frames of one size; keep one for many."""

    def __init__(self, bodies: Bodies, width: int, height: int, oversampling: float = 1.25) -> None:
        self.bodies = bodies
        self.size = (round(width * oversampling), round(height * oversampling))
        options: dict[str, Any] = {"standalone": True, "backend": "egl"}
        self.context = moderngl.create_context(**options)
        self.context.enable(moderngl.DEPTH_TEST)
        self.device = str(self.context.info["GL_RENDERER"])
        program = self.context.program
        self.body_programs = {
            "colour": program(shaders.BODY_VERTEX, shaders.BODY_FRAGMENT),
            "depth": program(shaders.BODY_DEPTH_VERTEX, shaders.DEPTH_FRAGMENT),
            "mask": program(shaders.BODY_DEPTH_VERTEX, shaders.BODY_MASK_FRAGMENT),
        }
        self.thing_programs = {
            "colour": program(shaders.THING_VERTEX, shaders.THING_FRAGMENT),
            "depth": program(shaders.THING_DEPTH_VERTEX, shaders.DEPTH_FRAGMENT),
            "mask": program(shaders.THING_DEPTH_VERTEX, shaders.THING_MASK_FRAGMENT),
        }
        self._things: dict[str, tuple[moderngl.Buffer, dict[str, moderngl.VertexArray]]] = {}
        for name, mesh in (("boxes", cube()), ("balls", np.hstack([sphere(), sphere()]))):
            vertices = self.context.buffer(mesh.astype("f4").tobytes())
            rows = self.context.buffer(reserve=80 * ROWS)
            content = [
                (vertices, "3f 3f", "position", "normal"),
                (rows, "4f 4f 4f 4f 4f/i", "row0", "row1", "row2", "look0", "look1"),
            ]
            self._things[name] = (
                rows,
                {
                    kind: self.context.vertex_array(shader, content, skip_errors=True)
                    for kind, shader in self.thing_programs.items()
                },
            )
        textures = draw_textures()
        self.textures = self.context.texture_array((SIZE, SIZE, COUNT), 3, textures.tobytes())
        self.textures.build_mipmaps()
        self.textures.filter = (moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR)
        self.target = Target(self.context, self.size)
        self.background = Target(self.context, self.size)
        self._background_key: object = None
        self.shadows = self.context.depth_texture((SHADOWS, SHADOWS))
        self.shadows.compare_func = "<="
        self.shadows.repeat_x = self.shadows.repeat_y = False
        self.shadow_buffer = self.context.framebuffer(depth_attachment=self.shadows)
        self.masks = self.context.texture((TILE * TILES, TILE * TILES), 1)
        self.mask_buffer = self.context.framebuffer(
            [self.masks], self.context.depth_renderbuffer((TILE * TILES, TILE * TILES))
        )
        self._prepare_meshes()

    def _prepare_meshes(self) -> None:
        bodies = self.bodies
        parts = np.stack(
            [
                bodies.part == PARTS["head"],
                bodies.part == PARTS["neck"],
                (bodies.part == PARTS["leg"]) | (bodies.part == PARTS["foot"]),
                bodies.part == PARTS["hand"],
            ],
            1,
        ).astype(float)
        mean = bodies.mean.astype(float)
        self.finer, fine_faces = subdivide(bodies.faces, len(mean))
        self.coarse_mesh = _Mesh(self, mean, parts, bodies.faces)
        self.fine_mesh = _Mesh(self, self.finer @ mean, self.finer @ parts, fine_faces)

    def draw(
        self,
        view: Array,
        eye: Array,
        light: Light,
        room: Things,
        figures: list[Figure],
        *,
        keep: object = None,
        moving: frozenset[int] = frozenset(),
    ) -> Drawn:
        """Draw a frame.

        Args:
            view: (4, 4) of the camera, see `Camera.matrix`.
            eye: (3,) the camera.
            light: Of the room.
            room: What stays.
            figures: People and empty coats.
            keep: If given, the room's picture is drawn once for all frames with an equal one.
            moving: Numbers of those whose shadows are not on a room that is drawn once.
        """
        boxes, balls = room.rows()
        boxes = self._before(boxes, eye, 4.5)
        balls = self._before(balls, eye, 99.0)
        self._light(view, eye, light)
        if keep is None or keep != self._background_key:
            still = [figure for figure in figures if figure.number not in moving]
            self._draw_shadows(light, boxes, balls, figures if keep is None else still)
            target = self.target if keep is None else self.background
            target.buffer.use()
            target.buffer.clear(0.5, 0.5, 0.5)
            self._draw_rows("boxes", boxes, "colour")
            self._draw_rows("balls", balls, "colour")
            self._background_key = keep
        if keep is not None:
            self._draw_shadows(light, boxes, balls, figures)
            self.context.copy_framebuffer(self.target.buffer, self.background.buffer)
        self.target.buffer.use()
        self._draw_figures(figures, "colour", eye)
        own = Things()
        for figure in figures:
            own.add(figure.things)
        boxes, balls = own.rows()
        self._draw_rows("boxes", self._before(boxes, eye, 99.0), "colour")
        self._draw_rows("balls", self._before(balls, eye, 99.0), "colour")
        return self.target.read()

    def paint(  # noqa: D417 - see `draw`
        self,
        view: Array,
        eye: Array,
        light: Light,
        figures: list[Figure],
        ground: Array,
        size: int,
    ) -> npt.NDArray[np.uint8]:
        """Draw figures before nothing.

        Args:
            ground: (3,) colour behind them, 0 to 1.
            size: Width and height in pixels.

        Returns:
            (size, size, 3) uint8, BGR.
        """
        target = Target(self.context, (size, size))
        nothing = np.zeros((0, 20), np.float32)
        self._draw_shadows(light, nothing, nothing, figures)
        self._light(view, eye, light)
        target.buffer.use()
        red, green, blue = (float(part) for part in ground)
        target.buffer.clear(red, green, blue)
        self._draw_figures(figures, "colour", eye)
        for figure in figures:
            for shape, rows in zip(("boxes", "balls"), figure.things.rows(), strict=True):
                self._draw_rows(shape, rows, "colour")
        return target.read().colours.copy()

    @staticmethod
    def _before(rows: npt.NDArray[np.float32], eye: Array, large: float) -> npt.NDArray[np.float32]:
        """Leave out what would cover the lens, but for walls and floors."""
        near = np.linalg.norm(rows[:, [3, 7, 11]] - eye, axis=1) < 0.35
        size = np.abs(rows[:, [0, 1, 4, 5, 10]]).max(1, initial=0)
        return np.asarray(rows[~near | (size > large)][:ROWS], np.float32)

    def _draw_shadows(
        self,
        light: Light,
        boxes: npt.NDArray[np.float32],
        balls: npt.NDArray[np.float32],
        figures: list[Figure],
    ) -> None:
        self.shadow_buffer.use()
        self.shadow_buffer.clear(depth=1.0)
        self._view("depth", light.matrix())
        throws = (
            (np.abs(boxes[:, [0, 1, 4, 5, 10]]).max(1, initial=0) <= 4.5)
            & (boxes[:, 18] <= 0)
            & (boxes[:, 11] < 2.2)
        )
        self._draw_rows("boxes", boxes[throws], "depth")
        self._draw_rows("balls", balls[balls[:, 11] < 2.2], "depth")
        self._draw_figures(figures, "depth", None)
        own = Things()
        for figure in figures:
            own.balls += figure.things.balls
        self._draw_rows("balls", own.rows()[1][:ROWS], "depth")

    def _view(self, kind: str, view: Array) -> None:
        data = view.T.astype("f4").tobytes()
        for programs in (self.body_programs, self.thing_programs):
            find_uniform(programs[kind], "view").write(data)

    def _light(self, view: Array, eye: Array, light: Light) -> None:
        self._view("colour", view)
        self.textures.use(0)
        self.shadows.use(1)
        for program in (self.body_programs["colour"], self.thing_programs["colour"]):
            find_uniform(program, "shadow_matrix").write(light.matrix().T.astype("f4").tobytes())
            find_uniform(program, "lamp").write(light.lamps.astype("f4").tobytes())
            set_uniforms(
                program,
                {
                    "tex": 0,
                    "shadow": 1,
                    "sun": light.sun,
                    "sun_colour": light.sun_colour,
                    "sky": light.sky,
                    "ground": light.ground,
                    "lamp_colour": light.lamp_colour,
                    "eye": eye,
                },
            )

    def _draw_rows(self, shape: str, rows: npt.NDArray[np.float32], kind: str) -> None:
        if not len(rows):
            return
        self.context.enable(moderngl.CULL_FACE)
        buffer, arrays = self._things[shape]
        buffer.write(rows.tobytes())
        arrays[kind].render(instances=len(rows))

    def _draw_figures(self, figures: list[Figure], kind: str, eye: Array | None) -> None:
        if eye is not None:  # near ones first, as what is behind is then not coloured
            figures = sorted(figures, key=lambda figure: self._distance(figure, eye))
        for figure in figures:
            self._draw_figure(figure, kind, eye)

    def _draw_figure(self, figure: Figure, kind: str, eye: Array | None) -> None:
        program = self.body_programs[kind]
        find_uniform(program, "place").write(figure.place.T.astype("f4").tobytes())
        if figure.number:
            self.context.enable(moderngl.CULL_FACE)
        else:  # the inside of an empty coat is seen
            self.context.disable(moderngl.CULL_FACE)
        fine = eye is not None and self._distance(figure, eye) < FINE_METRES
        mesh = self.fine_mesh if fine else self.coarse_mesh
        vertices = figure.vertices
        if fine:
            vertices = self.finer @ vertices
        mesh.write(vertices, normals(vertices, mesh.faces))
        for layer in figure.layers:
            set_uniforms(program, layer.uniforms)
            if layer.skirt_end is None:
                mesh.arrays[kind].render()
            else:
                skirt = self._skirt(figure, layer.skirt_end)
                skirt.arrays[kind].render()
                skirt.release()

    @staticmethod
    def _distance(figure: Figure, eye: Array) -> float:
        middle = figure.place[:3, :3] @ figure.vertices.mean(0) + figure.place[:3, 3]
        return float(np.linalg.norm(middle - eye))

    def _skirt(self, figure: Figure, end: float) -> _Mesh:
        """Return the hull of hips and thighs down to a height of the body at rest."""
        height = self.bodies.mean[:, 2]
        taken = (self.bodies.part == PARTS["leg"]) & (height > end) & (height < 0.12)
        points = figure.vertices[taken].astype(float)
        hull = ConvexHull(points)
        faces = hull.simplices.astype(np.int64)
        flat = np.cross(
            points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]]
        )
        inward = (flat * (points[faces].mean(1) - points.mean(0))).sum(1) < 0
        faces[inward] = faces[inward][:, ::-1]
        outwards = normals(points, faces)
        mesh = _Mesh(self, self.bodies.mean[taken].astype(float), np.zeros((len(points), 4)), faces)
        mesh.write(points + outwards * 0.014, outwards)
        return mesh

    def draw_masks(self, view: Array, figures: list[Figure]) -> list[tuple[float, float]]:
        """Return what figures cover when nothing else is there, even beyond the picture.

        Args:
            view: (4, 4) of the camera.
            figures: At most 100.

        Returns:
            For each: the area of its silhouette and of its head, in the undistorted picture, as
            shares of that picture's area; above 1 for one that is larger than the picture.
        """
        self.mask_buffer.use()
        self.mask_buffer.clear()
        scales = []
        for number, figure in enumerate(figures):
            crop, scale = _crop(view, figure)
            scales.append(scale)
            column, row = number % TILES, number // TILES
            self.mask_buffer.viewport = (column * TILE, row * TILE, TILE, TILE)
            self._view("mask", crop @ view)
            self._draw_figure(figure, "mask", None)
            rows = figure.things.rows()
            for shape, these in zip(("boxes", "balls"), rows, strict=True):
                self._draw_rows(shape, these[these[:, 15] > 0], "mask")
        self.mask_buffer.viewport = (0, 0, TILE * TILES, TILE * TILES)
        pixels = np.frombuffer(self.masks.read(), np.uint8).reshape(TILE * TILES, TILE * TILES)
        areas = []
        for number, scale in enumerate(scales):
            column, row = number % TILES, number // TILES
            tile = pixels[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
            share = scale / TILE**2
            areas.append((float((tile > 0).sum()) * share, float((tile > 200).sum()) * share))
        return areas


def _crop(view: Array, figure: Figure) -> tuple[Array, float]:
    """Return the matrix (4, 4) that fills a tile with a figure, and its area in pictures."""
    points = figure.vertices @ figure.place[:3, :3].T + figure.place[:3, 3]
    rows = figure.things.rows()
    points = np.vstack([points, *(these[these[:, 15] > 0][:, [3, 7, 11]] for these in rows)])
    clip = np.column_stack([points, np.ones(len(points))]) @ view.T
    clip = clip[clip[:, 3] > 0.1]
    if not len(clip):
        return np.eye(4), 1.0
    flat = clip[:, :2] / clip[:, 3:]
    low, high = flat.min(0), flat.max(0)
    pad = (high - low) * 0.12 + 1e-3
    low, high = low - pad, high + pad
    scale = 2 / (high - low)
    crop = np.eye(4)
    crop[0, 0], crop[1, 1] = scale
    crop[:2, 3] = -(low + high) / 2 * scale
    return crop, float(np.prod(high - low) / 4)
