"""Zoom, joined as a guest in its web client."""
