"""Fixtures and tools for tests, and for the demo: servers, the accounting database and its writers."""
