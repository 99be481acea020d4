"""Simulated cameras: clips, an RTSP server and faults on command; shares nothing with `edge.rtsp`, which it tests."""
