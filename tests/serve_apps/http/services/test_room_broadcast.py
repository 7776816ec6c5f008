"""One poll loop for all streams, and buffers in bounded memory."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from cluster.errors import ServiceBusy, ServiceDown, TooManyRequests
from serve_apps.clients.types import Changes
from serve_apps.http.services.room_broadcast import (
    NOTIFY_BATCH_SIZE,
    RoomBroadcast,
    StreamLimits,
    Subscription,
)
from tests.serve_apps.http.api_client import PATIENCE_SECONDS, FakeRooms

QUICK = StreamLimits(poll_seconds=0.05, retry_seconds=0.01)
ROOM = frozenset({"room-1"})


def run(
    scenario: Callable[[FakeRooms, RoomBroadcast], Awaitable[None]], limits: StreamLimits = QUICK
) -> None:
    async def run_story() -> None:
        rooms = FakeRooms()
        broadcast = RoomBroadcast(rooms, limits)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await scenario(rooms, broadcast)
        await broadcast.close()

    asyncio.run(run_story())


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 (there is no event to wait for)
        await asyncio.sleep(0.01)


def test_one_poll_loop_serves_all_subscriptions() -> None:
    async def scenario(rooms: FakeRooms, broadcast: RoomBroadcast) -> None:
        async with (
            broadcast.subscribe("a", ROOM) as one,
            broadcast.subscribe("b", ROOM) as two,
        ):
            asked = rooms.asked_for_changes
            assert asked <= 2
            rooms.set_room("room-1", 20)
            await one.wait(PATIENCE_SECONDS)
            await two.wait(PATIENCE_SECONDS)
            assert [t.event_id for t in one.drain()] == [t.event_id for t in two.drain()] == [1]

    run(scenario)


def test_other_tasks_run_while_many_streams_are_notified() -> None:
    many = 5 * NOTIFY_BATCH_SIZE

    async def scenario(rooms: FakeRooms, broadcast: RoomBroadcast) -> None:
        notified = 0

        async def stream(subscription: Subscription) -> None:
            nonlocal notified
            await subscription.wait(PATIENCE_SECONDS)
            notified += 1

        async with AsyncExitStack() as stack, asyncio.TaskGroup() as streams:
            for number in range(many):
                one = await stack.enter_async_context(broadcast.subscribe(str(number), ROOM))
                streams.create_task(stream(one))
            rooms.set_room("room-1", 20)
            while not notified:  # noqa: ASYNC110 (each turn counts)
                await asyncio.sleep(0)
            assert notified < many
        assert notified == many

    run(scenario)


def test_rechecks_have_jitter() -> None:
    limits = StreamLimits(recheck_seconds=10.0)
    pauses = [limits.next_recheck_seconds() for _ in range(200)]
    assert 5.0 <= min(pauses) < 6.0
    assert 9.0 < max(pauses) <= 10.0


def test_rooms_are_not_polled_without_subscriptions() -> None:
    async def scenario(rooms: FakeRooms, broadcast: RoomBroadcast) -> None:
        async with broadcast.subscribe("a", ROOM):
            await until(lambda: rooms.asked_for_changes > 3)
        assert not broadcast.is_polling
        asked = rooms.asked_for_changes
        await asyncio.sleep(0.2)
        assert rooms.asked_for_changes == asked
        async with broadcast.subscribe("a", ROOM) as again:
            rooms.set_room("room-1", 20)
            await again.wait(PATIENCE_SECONDS)
            assert again.drain()

    run(scenario)


def test_changes_of_other_rooms_are_not_added() -> None:
    async def scenario(rooms: FakeRooms, broadcast: RoomBroadcast) -> None:
        async with broadcast.subscribe("a", ROOM) as one:
            rooms.set_room("room-2", 20)
            rooms.set_room("room-1", 21)
            await one.wait(PATIENCE_SECONDS)
            assert [t.room_id for t in one.drain()] == ["room-1"]

    run(scenario)


def test_only_the_latest_state_is_buffered() -> None:
    rooms = FakeRooms()
    subscription = Subscription(ROOM, max_windows=3, last_id=0)
    for people in range(500):
        room = rooms.set_room("room-1", people)
        subscription.add(Changes(room.event_id, (room,), ()))
    (latest,) = subscription.drain()
    assert latest.event_id == 500
    assert not subscription.lost


def test_windows_beyond_the_limit_are_dropped_and_marked_as_lost() -> None:
    rooms = FakeRooms()
    subscription = Subscription(ROOM, max_windows=3, last_id=0)
    for _ in range(5):
        window = rooms.finish("room-1", 20)
        subscription.add(Changes(window.event_id, (), (window,)))
    assert subscription.lost
    assert [one.event_id for one in subscription.drain()] == [3, 4, 5]


def test_changes_are_drained_in_the_order_of_ids() -> None:
    rooms = FakeRooms()
    subscription = Subscription(ROOM, max_windows=9, last_id=0)
    first, window, second = (
        rooms.set_room("room-1", 1),
        rooms.finish("room-1", 2),
        rooms.set_room("room-1", 3),
    )
    subscription.add(Changes(first.event_id, (first,), ()))
    subscription.add(Changes(second.event_id, (second,), (window,)))
    assert [one.event_id for one in subscription.drain()] == [2, 3]
    assert subscription.drain() == []


def test_the_loop_continues_after_the_rooms_were_unavailable() -> None:
    async def scenario(rooms: FakeRooms, broadcast: RoomBroadcast) -> None:
        async with broadcast.subscribe("a", ROOM) as one:
            rooms.failing = ServiceDown("rooms does not answer.")
            asked = rooms.asked_for_changes
            await until(lambda: rooms.asked_for_changes > asked + 2)
            rooms.set_room("room-1", 20)
            rooms.failing = None
            await one.wait(PATIENCE_SECONDS)
            assert one.drain()

    run(scenario)


def test_a_loop_that_fails_notifies_its_streams_and_is_restarted() -> None:
    async def scenario(rooms: FakeRooms, broadcast: RoomBroadcast) -> None:
        async with broadcast.subscribe("a", ROOM) as one:
            rooms.failing = ZeroDivisionError()
            await one.wait(PATIENCE_SECONDS)
            assert one.lost
            rooms.failing = None
            async with broadcast.subscribe("b", ROOM) as two:
                rooms.set_room("room-1", 20)
                await two.wait(PATIENCE_SECONDS)
                assert two.drain()

    run(scenario)


def test_streams_of_a_caller_and_of_the_process_are_limited() -> None:
    async def scenario(rooms: FakeRooms, broadcast: RoomBroadcast) -> None:  # noqa: ARG001
        async with broadcast.subscribe("a", ROOM):
            with pytest.raises(TooManyRequests):
                async with broadcast.subscribe("a", ROOM):
                    pass
            async with broadcast.subscribe("b", ROOM):
                with pytest.raises(ServiceBusy):
                    async with broadcast.subscribe("c", ROOM):
                        pass
        async with broadcast.subscribe("a", ROOM):
            assert broadcast.streams == 1

    run(scenario, StreamLimits(per_caller=1, per_process=2, poll_seconds=0.05))


def test_unavailable_rooms_are_an_error_at_the_start() -> None:
    async def scenario(rooms: FakeRooms, broadcast: RoomBroadcast) -> None:
        rooms.failing = ServiceDown("rooms does not answer.")
        with pytest.raises(ServiceDown):
            async with broadcast.subscribe("a", ROOM):
                pass
        assert broadcast.streams == 0

    run(scenario)
