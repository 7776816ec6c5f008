"""What the renderer draws into, and the numbers that its programs take."""

import moderngl
import numpy as np

from bench.classroom.drawables import Drawn, Uniforms


class Target:
    """Colours and numbers of a frame on the graphics card."""

    def __init__(self, context: moderngl.Context, size: tuple[int, int]) -> None:
        self.size = size
        self.colours = context.texture(size, 4)
        self.ids = context.texture(size, 2, dtype="f4")
        self.buffer = context.framebuffer(
            [self.colours, self.ids], context.depth_renderbuffer(size)
        )

    def read(self) -> Drawn:
        """Return what was drawn."""
        width, height = self.size
        colours = np.frombuffer(self.colours.read(), np.uint8).reshape(height, width, 4)
        ids = np.frombuffer(self.ids.read(), "f4").reshape(height, width, 2)
        return Drawn(colours[::-1, :, 2::-1], ids[::-1])


def find_uniform(program: moderngl.Program, name: str) -> moderngl.Uniform:
    """Return a uniform of a program.

    Raises:
        TypeError: The name is something else's.
    """
    member = program[name]
    if not isinstance(member, moderngl.Uniform):
        raise TypeError(f"{name} is no uniform")
    return member


def set_uniforms(program: moderngl.Program, values: Uniforms) -> None:
    """Set the uniforms that a program has; others are left out."""
    for name, value in values.items():
        member = program.get(name, None)
        if isinstance(member, moderngl.Uniform):
            if np.ndim(value):
                member.value = tuple(float(part) for part in value)
            else:
                member.value = value if isinstance(value, int) else float(value)
