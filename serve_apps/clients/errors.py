"""Translation of Serve's and Ray's exceptions into Homeroom's own errors, in one place.

Callers of a deployment then handle two cases: retry later (`ServiceBusy`), or go on without it
(`ServiceDown`). What the deployment itself raises on purpose is passed through.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException

from cluster.errors import HomeroomError, ServiceBusy, ServiceDown


@asynccontextmanager
async def translate_serve_errors(name: str, *, seconds: float | None = None) -> AsyncIterator[None]:
    """Translate what a call of a deployment raises.

    Args:
        name: Of the deployment, for people.
        seconds: Timeout of the call; None: no timeout.

    Raises:
        ServiceBusy: Its queue is full.
        ServiceDown: It does not answer, or failed with an unexpected exception.
        HomeroomError: What it raised on purpose.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except BackPressureError as error:
        raise ServiceBusy(f"the queue of {name} is full.", hint="Try again in a moment.") from error
    except RayTaskError as error:
        if isinstance(error.cause, HomeroomError):
            raise error.cause from None
        raise ServiceDown(f"{name} failed: {type(error.cause).__name__}.") from error
    except (RayError, RayServeException, TimeoutError) as error:
        raise ServiceDown(
            f"{name} does not answer.", hint="It is restarted automatically."
        ) from error
