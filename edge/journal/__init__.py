"""The journal: every event that arrived, once, with proof of what is complete and what is missing.

It stores envelopes and asks for those that it lacks. What an event means for a camera is for edge.state to know.
"""
