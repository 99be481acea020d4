"""The recorder: cameras to segments on disk, without re-encoding video, and what happened as events."""
