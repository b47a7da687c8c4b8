"""The scripts that run in a page before its own, put together."""

from __future__ import annotations

from functools import cache
from importlib import resources

import orjson

from rejoinder.media.frame import VIDEO_SIZE

_START = """
(() => {
  "use strict";
  if (window !== window.top) {  // a frame of the same origin shares the top's microphone and ears
    try {
      if (window.top.__rejoinder) window.top.__rejoinder.frame(window);
    } catch (error) {}
    return;
  }
  if (window.__rejoinder || !/^https?:$/.test(location.protocol)) return;
"""
_RUN = """
  const { core, inner } = rejoinderCore(%s);
  const { hook } = rejoinderCapture(core, inner);
  rejoinderSpeak(core, inner, rejoinderShow(core, inner));
  core.frame = (win) => {
    hook(win);
    if (win.navigator.mediaDevices && navigator.mediaDevices) {
      win.navigator.mediaDevices.getUserMedia = navigator.mediaDevices.getUserMedia;
      win.navigator.mediaDevices.enumerateDevices = navigator.mediaDevices.enumerateDevices;
    }
  };
  Object.defineProperty(window, "__rejoinder", { value: core });
})();
"""
_PLATFORM = """
if (window === window.top && window.__rejoinder) {
  try {
    (() => {
%s
    })();
  } catch (error) {
    window.__rejoinder.report("script_error", { message: String(error).slice(0, 500) });
  }
}
"""


@cache
def source(name: str) -> str:
    """A script of this folder."""
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def page_script(url: str, name: str, platform: str = "") -> str:
    """What runs in every page before its own scripts. ``url``: the channel's; ``name``: what the plain tile shows;
    ``platform``: the platform's own script."""
    width, height = VIDEO_SIZE
    config = orjson.dumps({"url": url, "name": name, "width": width, "height": height}).decode()
    parts = [source(part) for part in ("listen.js", "core.js", "capture.js", "show.js", "speak.js")]
    script = _START + "\n".join(parts) + _RUN % config
    return script + (_PLATFORM % platform if platform.strip() else "")
