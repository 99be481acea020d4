"""Judges the pictures of every channel: black, frozen, no signal, covered, blurred."""
