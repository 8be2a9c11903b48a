"""Engines: the networks and how they are trained, one package a framework."""
