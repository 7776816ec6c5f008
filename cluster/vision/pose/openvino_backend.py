"""The pose network on a CPU, through OpenVINO.

Input is the decoder's bytes; colour order, scale and layout are converted inside the compiled
graph. Frames are inferred one by one but several at once (OpenVINO's throughput mode), which is
faster on CPUs than batches.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino as ov
from openvino.preprocess import ColorFormat, PrePostProcessor

from cluster.errors import VisionError
from cluster.vision.people import BgrImage, FloatArray

_first_call = threading.Lock()


class OpenVinoNetwork:
    """One compiled network of one input shape.

    Args:
        model: The exported model's `.xml`.
        threads: CPU threads it may use.

    Raises:
        VisionError: OpenVINO rejects the model.
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
                # A pinned thread would wait for its core while decoders use it and another core
                # idles.
                "ENABLE_CPU_PINNING": False,
            }
            self._compiled = core.compile_model(graph.build(), "CPU", options)
        except RuntimeError as error:
            raise VisionError(f"OpenVINO rejects the model: {error}", where=str(model)) from error
        streams = self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._requests = threading.local()
        self._pool = ThreadPoolExecutor(streams, thread_name_prefix="openvino")
        self._warm_up()

    def __call__(self, canvases: BgrImage) -> list[FloatArray]:
        """Run the network. Concurrent callers share its infer requests.

        Args:
            canvases: (n, height, width, 3) uint8, BGR.

        Returns:
            n outputs of (56, anchors) float32.
        """
        return list(self._pool.map(self._infer, canvases))

    def _warm_up(self) -> None:
        """Infer one frame alone, to initialise the network and OpenVINO's Python binding.

        The binding initialises itself lazily; two threads that do so at once deadlock, one on
        Python's lock and one on the binding's.
        """
        with _first_call:
            blank = np.zeros(tuple(self._compiled.input(0).shape)[1:], np.uint8)
            self._pool.submit(self._infer, blank).result()

    def _infer(self, canvas: BgrImage) -> FloatArray:
        if not hasattr(self._requests, "mine"):
            self._requests.mine = self._compiled.create_infer_request()
        request = self._requests.mine
        request.infer({0: canvas[None]}, share_inputs=True)
        return np.array(request.get_output_tensor(0).data[0], np.float32)
