"""The limits of the checks, as the configuration has them."""

from edge.config.validating import Thresholds

__all__ = ["Thresholds"]
