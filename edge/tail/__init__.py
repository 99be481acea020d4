"""`edge events`: what the processes of a site say, as they say it, in sentences or as JSON."""
