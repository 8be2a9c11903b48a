"""Test suites that a third party inherits to check a component in one line each."""
