"""A person of a scene with what it does and has, and the same person at one time."""

from dataclasses import dataclass

import numpy as np

from bench.classroom.belongings import Belongings, carry
from bench.classroom.cast import Member, dress
from bench.classroom.drawables import Figure
from bench.classroom.geometry import Array
from bench.classroom.motion import Moment, Script
from bench.classroom.plans import Station
from bench.classroom.props import placement
from bench.classroom.rig import Posed


@dataclass(frozen=True, slots=True)
class Actor:
    """A person of a scene, with what it does and has."""

    member: Member
    script: Script
    station: Station
    belongings: Belongings

    def at(self, seconds: float) -> "Stance":
        """Return the person at a time."""
        rig = self.member.rig
        moment = self.script.at(seconds, rig, self.station)
        posed = rig.pose(moment.posture)
        where = moment.place
        place = placement(where.x, where.y, where.floor, where.heading)
        return Stance(self, seconds, moment, posed, place)


@dataclass(frozen=True, slots=True)
class Stance:
    """An actor at one time.

    Attributes:
        actor: Who.
        seconds: When.
        moment: What it does.
        posed: The body, in its own frame.
        place: (4, 4) from there to the room.
    """

    actor: Actor
    seconds: float
    moment: Moment
    posed: Posed
    place: Array

    def world(self, points: Array) -> Array:
        """Return points (n, 3) of the person's frame in the room."""
        return np.asarray(points @ self.place[:3, :3].T + self.place[:3, 3])

    def figure(self) -> Figure:
        """Return what is drawn."""
        member = self.actor.member
        vertices, _ = member.rig.skin(self.posed)
        things = dress(member, self.posed, self.place)
        things.add(
            carry(
                member,
                self.actor.belongings,
                self.moment,
                self.posed,
                self.place,
                self.actor.station,
                self.seconds,
            )
        )
        return Figure(member.number, list(member.layers), vertices, self.place, things)
