"""Records in real time until it is killed, and prints how far it is (seconds). Each second has its own words."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from recording.meetings import word
from rejoinder.core.participant import Participant
from rejoinder.recording.recorder import BOT, Recorder

PEOPLE = [BOT.id, "p1", "p2", "p3"]  # in the order of their words
SECONDS = 30


def main(folder: Path) -> None:
    spoken = [np.concatenate([word(100 * number + second) for second in range(SECONDS)]) for number in range(4)]
    begun = time.monotonic()
    recorder = Recorder(folder, lambda: time.monotonic() - begun, time.time())
    for who in PEOPLE[1:]:
        recorder.joined(Participant(who, who))
    for block in range(SECONDS * 50):
        while (left := begun + block / 50 - time.monotonic()) > 0:
            time.sleep(left)
        recorder.spoke(spoken[0][block * 960 : (block + 1) * 960])
        if block:
            for number in (1, 2, 3):
                recorder.hear(PEOPLE[number], spoken[number][(block - 1) * 960 : block * 960])
        print(block / 50, flush=True)


main(Path(sys.argv[1]))
