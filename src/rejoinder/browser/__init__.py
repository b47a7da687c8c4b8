"""Chromium as a meeting client: start it, read its page, hear and speak inside it."""
