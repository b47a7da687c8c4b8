"""``python -m bench [NAME ...]``: run all benches, or the named ones, one after the other."""

from __future__ import annotations

import subprocess
import sys

BENCHES = (
    "room_audio",
    "mouth_to_ear",
    "live_loop",
    "recorder",
    "attendee_audio",
    "browser_bot",
    "kill_worker",
    "scheduled_burst",
    "api_scale",
)
PARTS = ("separation",)
"""Run as parts of others, or by name."""


def main(names: list[str]) -> int:
    """Run; the number of benches that failed."""
    known = (*BENCHES, *PARTS)
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"unknown bench {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    failed = 0
    for name in names or BENCHES:
        print(f"== {name}", flush=True)
        failed += subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
