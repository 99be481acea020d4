"""Decoding in a child process that can do no harm: shared by whoever shows, judges or verifies pictures."""
