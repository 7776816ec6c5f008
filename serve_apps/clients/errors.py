"""What Serve and Ray raise, turned into Homeroom's own errors: the one place that does so.

Callers of a deployment then know two things: ask later (`ServiceBusy`), or go without it for now
(`ServiceDown`). What the deployment itself raises on purpose comes through as it is.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException

from cluster.errors import HomeroomError, ServiceBusy, ServiceDown


@asynccontextmanager
async def translate_serve_errors(name: str, *, seconds: float | None = None) -> AsyncIterator[None]:
    """Turn what a call of a deployment raises into our errors.

    Args:
        name: Of the deployment, for people.
        seconds: How long to wait for the answer; for ever unless given.

    Raises:
        ServiceBusy: Its queue is full.
        ServiceDown: It does not answer, or failed in a way that nobody foresaw.
        HomeroomError: What it raised on purpose.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except BackPressureError as error:
        raise ServiceBusy(f"the queue of {name} is full.", hint="Ask again in a moment.") from error
    except RayTaskError as error:
        if isinstance(error.cause, HomeroomError):
            raise error.cause from None
        raise ServiceDown(f"{name} failed: {type(error.cause).__name__}.") from error
    except (RayError, RayServeException, TimeoutError) as error:
        raise ServiceDown(
            f"{name} does not answer.", hint="It is started anew by itself."
        ) from error
