"""One look at changes for all streams, in bounded memory."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from cluster.errors import ServiceBusy, ServiceDown, TooManyRequests
from serve_apps.clients.types import Changes
from serve_apps.http.services.room_broadcast import AT_ONCE, Broadcast, StreamLimits, Subscription
from tests.serve_apps.http.api_client import PATIENCE_SECONDS, FakeRooms

QUICK = StreamLimits(wait_seconds=0.05, pause_seconds=0.01)
ROOM = frozenset({"room-1"})


def run(
    story: Callable[[FakeRooms, Broadcast], Awaitable[None]], limits: StreamLimits = QUICK
) -> None:
    async def told() -> None:
        rooms = FakeRooms()
        broadcast = Broadcast(rooms, limits)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await story(rooms, broadcast)
        await broadcast.close()

    asyncio.run(told())


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 (what it waits for tells no event)
        await asyncio.sleep(0.01)


def test_everybody_is_told_by_one_loop() -> None:
    async def story(rooms: FakeRooms, broadcast: Broadcast) -> None:
        async with (
            broadcast.subscription("a", ROOM) as one,
            broadcast.subscription("b", ROOM) as two,
        ):
            asked = rooms.asked_for_changes
            assert asked <= 2
            rooms.say("room-1", 20)
            await one.wait(PATIENCE_SECONDS)
            await two.wait(PATIENCE_SECONDS)
            assert [t.event_id for t in one.take()] == [t.event_id for t in two.take()] == [1]

    run(story)


def test_others_have_their_turn_while_many_streams_are_told() -> None:
    many = 5 * AT_ONCE

    async def story(rooms: FakeRooms, broadcast: Broadcast) -> None:
        told = 0

        async def stream(subscription: Subscription) -> None:
            nonlocal told
            await subscription.wait(PATIENCE_SECONDS)
            told += 1

        async with AsyncExitStack() as stack, asyncio.TaskGroup() as streams:
            for number in range(many):
                one = await stack.enter_async_context(broadcast.subscription(str(number), ROOM))
                streams.create_task(stream(one))
            rooms.say("room-1", 20)
            while not told:  # noqa: ASYNC110 (each turn counts)
                await asyncio.sleep(0)
            assert told < many
        assert told == many

    run(story)


def test_streams_that_began_together_do_not_look_together() -> None:
    limits = StreamLimits(rights_seconds=10.0)
    looks = [limits.until_next_look() for _ in range(200)]
    assert 5.0 <= min(looks) < 6.0
    assert 9.0 < max(looks) <= 10.0


def test_nobody_is_asked_while_nobody_listens() -> None:
    async def story(rooms: FakeRooms, broadcast: Broadcast) -> None:
        async with broadcast.subscription("a", ROOM):
            await until(lambda: rooms.asked_for_changes > 3)
        assert not broadcast.is_listening
        asked = rooms.asked_for_changes
        await asyncio.sleep(0.2)
        assert rooms.asked_for_changes == asked
        async with broadcast.subscription("a", ROOM) as again:
            rooms.say("room-1", 20)
            await again.wait(PATIENCE_SECONDS)
            assert again.take()

    run(story)


def test_other_rooms_are_not_told() -> None:
    async def story(rooms: FakeRooms, broadcast: Broadcast) -> None:
        async with broadcast.subscription("a", ROOM) as one:
            rooms.say("room-2", 20)
            rooms.say("room-1", 21)
            await one.wait(PATIENCE_SECONDS)
            assert [t.room_id for t in one.take()] == ["room-1"]

    run(story)


def test_a_client_that_takes_nothing_keeps_the_newest_state_alone() -> None:
    rooms = FakeRooms()
    subscription = Subscription(ROOM, most_windows=3, last_id=0)
    for people in range(500):
        room = rooms.say("room-1", people)
        subscription.put(Changes(room.event_id, (room,), ()))
    (waiting,) = subscription.take()
    assert waiting.event_id == 500
    assert not subscription.lost


def test_windows_that_do_not_fit_are_dropped_and_it_is_said() -> None:
    rooms = FakeRooms()
    subscription = Subscription(ROOM, most_windows=3, last_id=0)
    for _ in range(5):
        told = rooms.finish("room-1", 20)
        subscription.put(Changes(told.event_id, (), (told,)))
    assert subscription.lost
    assert [one.event_id for one in subscription.take()] == [3, 4, 5]


def test_what_waits_comes_in_the_order_of_ids() -> None:
    rooms = FakeRooms()
    subscription = Subscription(ROOM, most_windows=9, last_id=0)
    first, window, second = (
        rooms.say("room-1", 1),
        rooms.finish("room-1", 2),
        rooms.say("room-1", 3),
    )
    subscription.put(Changes(first.event_id, (first,), ()))
    subscription.put(Changes(second.event_id, (second,), (window,)))
    assert [one.event_id for one in subscription.take()] == [2, 3]
    assert subscription.take() == []


def test_the_loop_goes_on_when_the_rooms_were_away() -> None:
    async def story(rooms: FakeRooms, broadcast: Broadcast) -> None:
        async with broadcast.subscription("a", ROOM) as one:
            rooms.failing = ServiceDown("rooms does not answer.")
            asked = rooms.asked_for_changes
            await until(lambda: rooms.asked_for_changes > asked + 2)
            rooms.say("room-1", 20)
            rooms.failing = None
            await one.wait(PATIENCE_SECONDS)
            assert one.take()

    run(story)


def test_a_loop_that_fails_wakes_its_streams_and_begins_anew() -> None:
    async def story(rooms: FakeRooms, broadcast: Broadcast) -> None:
        async with broadcast.subscription("a", ROOM) as one:
            rooms.failing = ZeroDivisionError()
            await one.wait(PATIENCE_SECONDS)
            assert one.lost
            rooms.failing = None
            async with broadcast.subscription("b", ROOM) as two:
                rooms.say("room-1", 20)
                await two.wait(PATIENCE_SECONDS)
                assert two.take()

    run(story)


def test_streams_of_a_caller_and_of_the_process_are_bounded() -> None:
    async def story(rooms: FakeRooms, broadcast: Broadcast) -> None:  # noqa: ARG001
        async with broadcast.subscription("a", ROOM):
            with pytest.raises(TooManyRequests):
                async with broadcast.subscription("a", ROOM):
                    pass
            async with broadcast.subscription("b", ROOM):
                with pytest.raises(ServiceBusy):
                    async with broadcast.subscription("c", ROOM):
                        pass
        async with broadcast.subscription("a", ROOM):
            assert broadcast.streams == 1

    run(story, StreamLimits(per_caller=1, per_process=2, wait_seconds=0.05))


def test_rooms_that_are_away_are_an_error_at_the_start() -> None:
    async def story(rooms: FakeRooms, broadcast: Broadcast) -> None:
        rooms.failing = ServiceDown("rooms does not answer.")
        with pytest.raises(ServiceDown):
            async with broadcast.subscription("a", ROOM):
                pass
        assert broadcast.streams == 0

    run(story)
