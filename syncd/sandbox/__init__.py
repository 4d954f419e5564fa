"""Simulated Order Management and Field Service behind real HTTP: for the demo, for trying a configuration, for tests.

Strict where the real systems are strict and silent where they are silent. Nothing else of the project imports it, except
the commands that start it; it imports nothing of the project.
"""
