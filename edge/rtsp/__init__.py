"""RTSP over TCP: how a camera is asked for its stream and how that is taken apart. Knows no files and no events."""
