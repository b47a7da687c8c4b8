"""Whether something said in a meeting is meant for the bot."""

from __future__ import annotations

from typing import Literal

from rejoinder.agent.words import is_backchannel, names

FOLLOW_UP_S = 10.0
"""After the bot answered someone, their next words within this time are taken as going on with it."""

Policy = Literal["auto", "addressed", "always"]


def is_addressed(
    text: str,
    *,
    policy: Policy,
    bot_name: str,
    people: int,
    since_answer_to_speaker: float | None,
) -> bool:
    """Decide from the words and the situation.

    ``people``: humans in the meeting; ``since_answer_to_speaker``: seconds since the bot last finished an answer to
    this very speaker, with nobody else speaking in between; None if there was none.
    """
    if not text or is_backchannel(text):
        return False
    if policy == "always" or names(text, bot_name):
        return True
    if policy == "addressed":
        return False
    if people <= 1:
        return True
    follows = since_answer_to_speaker is not None and since_answer_to_speaker <= FOLLOW_UP_S
    return follows and "?" in text
