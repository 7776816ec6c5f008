"""Faces may be cut while a lease is active, and an expired lease stays expired."""

from hypothesis import given
from hypothesis import strategies as st

from cluster.streams.reader.leases import ENDED_TICKET_SECONDS, MAX_LEASE_SECONDS, Leases


def test_a_lease_is_active_for_its_duration_and_no_longer() -> None:
    leases = Leases()
    assert leases.renew("cam", "one", 5.0, now=100.0)
    assert leases.active_tickets("cam", 104.9, now=104.9) == ["one"]
    assert leases.active_tickets("cam", 104.9, now=105.0) == []
    assert not leases.is_active("other", 101.0)


def test_a_lease_that_arrives_expired_is_void() -> None:
    leases = Leases()
    assert not leases.renew("cam", "one", 0.0, now=100.0)
    assert not leases.renew("cam", "one", -3.0, now=100.0)
    assert not leases.is_active("cam", 100.0)


def test_an_ended_ticket_is_not_restored_by_an_earlier_renewal() -> None:
    leases = Leases()
    leases.renew("cam", "one", 5.0, now=100.0)
    leases.end("one", now=101.0)
    assert not leases.is_active("cam", 101.0)
    assert not leases.renew("cam", "one", 4.0, now=101.5)
    assert not leases.renew("another", "one", 4.0, now=101.5)
    assert not leases.is_active("cam", 101.5)
    assert not leases.is_active("another", 101.5)


def test_a_ticket_may_end_before_its_first_lease_arrives() -> None:
    leases = Leases()
    leases.end("one", now=100.0)
    assert not leases.renew("cam", "one", 5.0, now=100.1)


def test_two_registers_in_a_room_have_a_lease_each() -> None:
    leases = Leases()
    leases.renew("cam", "one", 5.0, now=100.0)
    leases.renew("cam", "two", 3.0, now=100.0)
    assert set(leases.active_tickets("cam", 101.0, now=101.0)) == {"one", "two"}
    assert leases.active_tickets("cam", 104.0, now=104.0) == ["one"]
    leases.end("one", now=102.0)
    assert leases.active_tickets("cam", 102.0, now=102.0) == ["two"]


def test_a_frame_from_before_a_lease_is_not_sent_under_it() -> None:
    leases = Leases()
    leases.renew("cam", "one", 5.0, now=100.0)
    assert leases.active_tickets("cam", 99.9, now=100.1) == []
    leases.renew("cam", "one", 5.0, now=104.0)
    assert leases.active_tickets("cam", 101.0, now=106.0) == ["one"]  # it was active without a gap
    leases.renew("cam", "one", 5.0, now=120.0)
    assert leases.active_tickets("cam", 106.0, now=121.0) == []


def test_a_renewal_that_was_overtaken_does_not_shorten_the_lease() -> None:
    leases = Leases()
    leases.renew("cam", "one", 5.0, now=100.0)
    leases.renew("cam", "one", 1.0, now=100.5)
    assert leases.is_active("cam", 104.0)


def test_no_lease_is_longer_than_the_maximum() -> None:
    leases = Leases()
    leases.renew("cam", "one", 3600.0, now=100.0)
    assert not leases.is_active("cam", 100.0 + MAX_LEASE_SECONDS)


def test_the_leases_of_a_removed_camera_are_dropped() -> None:
    leases = Leases()
    leases.renew("cam", "one", 5.0, now=100.0)
    leases.remove_camera("cam")
    assert not leases.is_active("cam", 100.0)


def test_expired_leases_and_tickets_are_removed() -> None:
    leases = Leases()
    for number in range(100):
        leases.renew(f"cam-{number}", f"ticket-{number}", 5.0, now=100.0)
        leases.end(f"ended-{number}", now=100.0)
    leases.end("last", now=100.0 + ENDED_TICKET_SECONDS)
    assert leases._leases == {}
    assert set(leases._ended_tickets) == {"last"}


calls = st.tuples(
    st.sampled_from(["renew", "end"]),
    st.sampled_from(["one", "two", "three"]),
    st.floats(-2.0, 20.0),
    st.floats(0.0, 3.0),
)


@given(st.lists(calls, max_size=30))
def test_no_order_of_calls_extends_a_lease_past_its_end(
    order: list[tuple[str, str, float, float]],
) -> None:
    leases, now = Leases(), 100.0
    until: dict[str, float] = {}
    ended: dict[str, float] = {}
    for what, ticket, seconds, later in order:
        now += later
        if what == "end":
            leases.end(ticket, now)
            ended[ticket] = now
        else:
            leases.renew("cam", ticket, seconds, now)
            until[ticket] = max(until.get(ticket, 0.0), now + seconds)
        for active in leases.active_tickets("cam", now, now):
            assert now < until[active]
            assert now >= ended.get(active, -ENDED_TICKET_SECONDS) + ENDED_TICKET_SECONDS
