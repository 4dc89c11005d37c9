"""Evaluators: how good an architecture is, looked up in a published table or by training it."""
