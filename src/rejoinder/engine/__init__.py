"""Durable work: which bot runs where, and jobs that are done even if a machine dies."""
