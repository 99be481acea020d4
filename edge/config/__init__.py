"""The configuration of a site: `edge.yaml` read once into frozen values that cannot be wrong.

Owns names, bounds, defaults and meaning of every key. Knows no process; errors are words, never pydantic's.
"""

from edge.config.camera_url import CameraUrl
from edge.config.load import BROKER_PORT, load, parse
from edge.config.models import BrokerConfig, Config, LogConfig, ReporterConfig, ReporterHttpConfig, ValidatorConfig
from edge.config.recording import ChannelConfig, RetentionConfig, StorageConfig, TlsConfig
from edge.config.redaction import is_secret_key, mask
from edge.config.secret_file import read_secret
from edge.config.serving import LivestreamConfig, TokenConfig, UserConfig, WebConfig

__all__ = [
    "BROKER_PORT",
    "BrokerConfig",
    "CameraUrl",
    "ChannelConfig",
    "Config",
    "LivestreamConfig",
    "LogConfig",
    "ReporterConfig",
    "ReporterHttpConfig",
    "RetentionConfig",
    "StorageConfig",
    "TlsConfig",
    "TokenConfig",
    "UserConfig",
    "ValidatorConfig",
    "WebConfig",
    "is_secret_key",
    "load",
    "mask",
    "parse",
    "read_secret",
]
