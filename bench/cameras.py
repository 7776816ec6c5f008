"""Cameras for the benchmarks: files of a folder over RTSP, again and again.

python -m bench.cameras .bench 8554
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

from aio_rtsp_toolkit.server import RtspServer

MOST_CAMERAS = 1024


async def _serve(folder: str, port: int) -> None:
    # The server keeps a thread for each camera; the loop's own pool has six on two cores.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(MOST_CAMERAS))
    server = RtspServer(folder, "127.0.0.1", port)
    await server.start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2])))
