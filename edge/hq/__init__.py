"""Headquarters: the journal of a fleet of sites, and the pages over it."""
