"""The live loop, side by side with pipecat and livekit-agents: same audio, same service latencies, same ruler.

``python -m bench.live_loop`` (from the checkout, ``PYTHONPATH=src:.``) runs it; see ``__main__``. Each loop under test
is a *subject*: a process of its own, in its own environment, that speaks JSON lines of raw times on stdout. The modules
``clips``, ``device``, ``mic``, ``services``, ``scenarios`` and ``subject`` are imported by every subject and use numpy
and the standard library only.
"""
