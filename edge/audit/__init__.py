"""`edge audit`: states for a range of time what became of every second and of every event. Changes nothing."""
