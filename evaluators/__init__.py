"""Evaluators: they measure an architecture, by a table, a recorded conversation or a training."""
