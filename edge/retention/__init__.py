"""Retention: watches the disk of the recordings, deletes by policy, and gives a receipt for every deletion."""
