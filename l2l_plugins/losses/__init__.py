"""Losses, each written once on :class:`l2l_core.ops.Ops` for every framework."""
