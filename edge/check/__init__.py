"""`edge check`: what a configuration will record, whether it fits the disk, and what is wrong with each camera."""
