"""The pose network on a CPU, through OpenVINO.

Bytes go in as they come from the decoder; colour order, scale and layout are changed inside the
compiled graph. Frames are inferred one by one but several at once (OpenVINO's throughput mode),
which on CPUs beats batches.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino as ov
from openvino.preprocess import ColorFormat, PrePostProcessor

from cluster.errors import VisionError
from cluster.vision.people import Floats, Pixels

_first_call = threading.Lock()


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
        streams = self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._requests = threading.local()
        self._pool = ThreadPoolExecutor(streams, thread_name_prefix="openvino")
        self._infer_nothing()

    def __call__(self, canvases: Pixels) -> list[Floats]:
        """Run the network. Threads that call at once share its requests, so that none idles.

        Args:
            canvases: (n, height, width, 3) uint8, BGR.

        Returns:
            n outputs of (56, anchors) float32.
        """
        return list(self._pool.map(self._infer, canvases))

    def _infer_nothing(self) -> None:
        """One picture, alone: it readies the network, and OpenVINO's binding.

        In the first call of a process the binding sets itself up, each part once; two threads that
        do so at once wait for each other for ever, one for Python's lock and one for the part's.
        """
        with _first_call:
            nothing = np.zeros(tuple(self._compiled.input(0).shape)[1:], np.uint8)
            self._pool.submit(self._infer, nothing).result()

    def _infer(self, canvas: Pixels) -> Floats:
        if not hasattr(self._requests, "mine"):
            self._requests.mine = self._compiled.create_infer_request()
        request = self._requests.mine
        request.infer({0: canvas[None]}, share_inputs=True)
        return np.array(request.get_output_tensor(0).data[0], np.float32)
