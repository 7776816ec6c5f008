"""The pose network on a CPU, through OpenVINO.

Bytes go in as they come from the decoder; colour order, scale and layout are changed inside the
compiled graph. Frames are inferred one by one but several at once (OpenVINO's throughput mode),
which on CPUs beats batches.
"""

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from openvino.preprocess import ColorFormat, PrePostProcessor

from cluster.errors import VisionError
from cluster.vision.people import Floats, Pixels


class OpenVinoNetwork:
    """One compiled network of one input shape.

    Args:
        model: The converted model's `.xml`.
        threads: CPU threads it may use.

    Raises:
        VisionError: OpenVINO refuses the model.
    """

    def __init__(self, model: Path, threads: int) -> None:
        try:
            core = ov.Core()
            graph = PrePostProcessor(core.read_model(model))
            graph.input().tensor().set_element_type(ov.Type.u8).set_layout(
                ov.Layout("NHWC")
            ).set_color_format(ColorFormat.BGR)
            graph.input().preprocess().convert_element_type(ov.Type.f32).convert_color(
                ColorFormat.RGB
            ).scale(255.0)
            graph.input().model().set_layout(ov.Layout("NCHW"))
            options = {
                "PERFORMANCE_HINT": "THROUGHPUT",
                "INFERENCE_NUM_THREADS": threads,
                # Pinned, a thread waits for its core while the decoders use it and another idles.
                "ENABLE_CPU_PINNING": False,
            }
            self._compiled = core.compile_model(graph.build(), "CPU", options)
        except RuntimeError as error:
            raise VisionError(f"OpenVINO refuses the model: {error}", where=str(model)) from error
        self._queue = ov.AsyncInferQueue(self._compiled)
        self._queue.set_callback(self._keep)
        self._outputs: list[Floats | None] = []

    def __call__(self, canvases: Pixels) -> list[Floats]:
        """Run the network.

        Args:
            canvases: (n, height, width, 3) uint8, BGR.

        Returns:
            n outputs of (56, anchors) float32.
        """
        self._outputs = [None] * len(canvases)
        for index in range(len(canvases)):
            self._queue.start_async({0: canvases[index : index + 1]}, index)
        self._queue.wait_all()
        return [output for output in self._outputs if output is not None]

    def _keep(self, request: Any, index: int) -> None:
        self._outputs[index] = np.array(request.get_output_tensor(0).data[0], np.float32)
