"""Saksi records RTSP cameras at a site and proves what was recorded."""
