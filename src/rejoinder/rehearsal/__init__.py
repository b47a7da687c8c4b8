"""Scripted people for meetings: to try a bot without a microphone, and to test it in CI."""

from rejoinder.rehearsal.person import Person, Said
from rejoinder.rehearsal.tape import Tape

__all__ = ["Person", "Said", "Tape"]
