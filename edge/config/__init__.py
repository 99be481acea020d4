"""The configuration of a site, `edge.yaml`, or of headquarters, `hq.yaml`: frozen values that cannot be wrong.

Owns names, bounds, defaults and meaning of every key. Knows no process; errors are words, never pydantic's.
"""

from edge.config.broker import DEBUG_USER, OPERATOR_USER, BrokerConfig, HqLinkConfig
from edge.config.camera_url import CameraUrl
from edge.config.hq import HqBrokerConfig, HqConfig, HqTlsConfig, PartitionConfig, ReportsConfig
from edge.config.load import BROKER_CREDENTIALS, BROKER_PORT, OWN_BROKER, load, load_hq, parse, parse_hq
from edge.config.logging import LogConfig
from edge.config.models import Config, ValidatorConfig
from edge.config.recording import ChannelConfig, RetentionConfig, StorageConfig, TlsConfig
from edge.config.redaction import is_secret_key, mask
from edge.config.reporting import HomeAssistantConfig, ReporterConfig, ReporterHttpConfig
from edge.config.secret_file import read_secret
from edge.config.serving import LivestreamConfig, TokenConfig, UserConfig, WebConfig

__all__ = [
    "BROKER_CREDENTIALS",
    "BROKER_PORT",
    "DEBUG_USER",
    "OPERATOR_USER",
    "OWN_BROKER",
    "BrokerConfig",
    "CameraUrl",
    "ChannelConfig",
    "Config",
    "HomeAssistantConfig",
    "HqBrokerConfig",
    "HqConfig",
    "HqLinkConfig",
    "HqTlsConfig",
    "LivestreamConfig",
    "LogConfig",
    "PartitionConfig",
    "ReporterConfig",
    "ReporterHttpConfig",
    "ReportsConfig",
    "RetentionConfig",
    "StorageConfig",
    "TlsConfig",
    "TokenConfig",
    "UserConfig",
    "ValidatorConfig",
    "WebConfig",
    "is_secret_key",
    "load",
    "load_hq",
    "mask",
    "parse",
    "parse_hq",
    "read_secret",
]
