"""Whatever a call of a deployment raises is translated into Homeroom's own errors."""

import asyncio

import pytest
from ray.exceptions import ActorDiedError, RayTaskError
from ray.serve.exceptions import BackPressureError, RequestCancelledError

from cluster.errors import ServiceBusy, ServiceDown, VisionError
from serve_apps.clients.errors import translate_serve_errors


def task_error(cause: Exception) -> Exception:
    error = RayTaskError("find", "a traceback with rtsp://a:secret@camera", cause)
    made: Exception = error.as_instanceof_cause()
    return made


async def raising(error: Exception) -> None:
    async with translate_serve_errors("the pose model"):
        raise error


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (BackPressureError(3, 2), ServiceBusy),
        (ActorDiedError(), ServiceDown),
        (RequestCancelledError("1"), ServiceDown),
        (task_error(VisionError("no frame")), VisionError),
        (task_error(ServiceBusy("too late")), ServiceBusy),
        (task_error(KeyError("unexpected")), ServiceDown),
    ],
)
def test_exceptions_of_serve_are_translated(raised: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected) as caught:
        asyncio.run(raising(raised))
    assert type(caught.value) is expected
    assert "secret" not in str(caught.value)


def test_a_timeout_is_translated_to_service_down() -> None:
    async def waiting() -> None:
        async with translate_serve_errors("rooms", seconds=0.01):
            await asyncio.Event().wait()

    with pytest.raises(ServiceDown, match="rooms does not answer"):
        asyncio.run(waiting())
