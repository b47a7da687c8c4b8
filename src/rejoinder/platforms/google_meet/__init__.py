"""Google Meet, joined in a browser."""
