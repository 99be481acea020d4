"""What the bytes of each codec mean. Knows no RTP, no MP4 and no I/O."""
