"""Shared by all tests."""

from __future__ import annotations

import os

os.environ["WRTC_ALLOW_LOOPBACK"] = "1"  # peers of one machine must find each other without any network

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
