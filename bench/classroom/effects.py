"""What a camera does to a picture: tones, colour casts, infrared, haze, blur, noise, halos.

An `Effects` is drawn once for a clip, and then is the same for all of its frames but for the noise.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from cluster.vision.people import BgrImage

Softness = Literal["none", "enlarged", "blurred", "moved"]


@dataclass(frozen=True, slots=True)
class Effects:
    """What is done to each frame, in this order.

    Attributes:
        gamma: Exponent of the tones.
        gain: Of the tones.
        saturation: 0 is grey, as in infrared.
        cast: (3,) gain of blue, green, red.
        glare: Strength of the light that bright windows spread.
        haze: (gain, offset) of the tones.
        vignette: How much darker corners are.
        softness: How sharpness is lost.
        amount: Of it: scale, pixels, or pixels.
        angle: Of a motion, in degrees.
        noise: Standard deviation, in steps of 255.
        grain: Whether noise comes in grains.
        halo: (strength, pixels) of sharpening.
    """

    gamma: float = 1.0
    gain: float = 1.0
    saturation: float = 1.0
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    glare: float = 0.0
    haze: tuple[float, float] = (1.0, 0.0)
    vignette: float = 0.0
    softness: Softness = "none"
    amount: float = 1.0
    angle: float = 0.0
    noise: float = 0.0
    grain: bool = False
    halo: tuple[float, float] = (0.0, 1.0)

    def apply(self, picture: BgrImage, rng: np.random.Generator) -> BgrImage:
        """Return the picture (height, width, 3) as the camera gives it.

        Args:
            picture: As drawn.
            rng: For the noise.
        """
        height, width = picture.shape[:2]
        steps = np.clip(255 * (np.arange(256) / 255) ** self.gamma * self.gain, 0, 255)
        mix = np.eye(3) * self.saturation + (1 - self.saturation) / 3
        mix = mix * np.array(self.cast)[:, None]
        image: npt.NDArray[np.float32] = cv2.transform(
            cv2.LUT(picture, steps.astype(np.float32)), mix.astype(np.float32)
        )
        if self.glare:
            bright = cv2.resize(np.maximum(image - 190, 0), (width // 4, height // 4))
            image = (
                image
                + cv2.resize(cv2.GaussianBlur(bright, (0, 0), 6), (width, height)) * self.glare
            )
        gain, offset = self.haze
        image = image * gain + offset
        if self.vignette:
            y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
            image = image * (1 - self.vignette * (x * x + y * y) / 2).astype(np.float32)[..., None]
        image = self._soften(image.astype(np.float32))
        if self.noise:
            noise = rng.standard_normal((height, width), np.float32) * self.noise
            if self.grain:
                noise = cv2.GaussianBlur(noise, (0, 0), 0.8) * 2
            image = image + noise[..., None]
        strength, radius = self.halo
        if strength:
            image = image + strength * (image - cv2.GaussianBlur(image, (0, 0), radius))
        return np.clip(image, 0, 255).astype(np.uint8)

    def _soften(self, image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        height, width = image.shape[:2]
        if self.softness == "enlarged":
            small = cv2.resize(
                image, None, fx=self.amount, fy=self.amount, interpolation=cv2.INTER_AREA
            )
            return np.asarray(
                cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32
            )
        if self.softness == "blurred":
            return np.asarray(cv2.GaussianBlur(image, (0, 0), self.amount), np.float32)
        if self.softness == "moved":
            length = max(2, int(self.amount))
            kernel = np.zeros((length, length), np.float32)
            slope = np.tan(np.deg2rad(np.clip(self.angle, -45, 45)))
            middle = (length - 1) / 2
            ends = (0, int(middle - slope * middle)), (length - 1, int(middle + slope * middle))
            cv2.line(kernel, *ends, 1.0)
            return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.float32)
        return image


def draw_effects(rng: np.random.Generator, *, backlit: bool, clip: bool) -> Effects:
    """Return what some camera does.

    Args:
        rng: For the draw.
        backlit: Whether windows dazzle it.
        clip: Whether for a clip: its noise is weaker, as a coder would spend all on it.
    """
    between = rng.uniform
    infrared = rng.random() < 0.08
    softness: Softness = "none"
    amount, kind = 1.0, rng.random()
    if kind < 0.36:
        softness, amount = "enlarged", float(rng.choice([between(0.4, 0.6), between(0.5, 1.0)]))
    elif kind < 0.55:
        softness, amount = "blurred", float(between(0.4, 1.5))
    elif kind < 0.61 and not clip:
        softness, amount = "moved", float(between(3, 8))
    cast = tuple(float(value) for value in between(0.87, 1.13, 3))
    noise = float(between(0.5, 11 if infrared else 7)) * (0.4 if clip else 1.0)
    return Effects(
        gamma=float(between(0.78, 1.3)),
        gain=float(between(0.82, 1.2)),
        saturation=float(between(0, 0.05)) if infrared else float(between(0.4, 1.1)),
        cast=(cast[0], cast[1], cast[2])
        if rng.random() < 0.3 and not infrared
        else (1.0, 1.0, 1.0),
        glare=float(between(0.5, 2.0)) if backlit or rng.random() < 0.25 else 0.0,
        haze=(float(between(0.75, 0.95)), float(between(10, 42)))
        if rng.random() < 0.2
        else (1.0, 0.0),
        vignette=float(between(0.1, 0.45)) if infrared or rng.random() < 0.3 else 0.0,
        softness=softness,
        amount=amount,
        angle=float(between(-45, 45)),
        noise=noise,
        grain=bool(rng.random() < 0.5),
        halo=(float(between(0.3, 1.3)), float(between(1, 2.5)))
        if rng.random() < 0.3
        else (0.0, 1.0),
    )
