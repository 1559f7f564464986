"""Attacks on a sandbox by the code in it, as data."""
