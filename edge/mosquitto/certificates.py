"""Whether the certificates of a site's link fit, before the bridge finds out, which tells only its log."""

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from edge.config import HqLinkConfig
from edge.errors import ConfigError


def check_link(site: str, link: HqLinkConfig) -> None:
    """Raise ConfigError unless certificate, key, authority and site belong together."""
    authority = _certificate(link.ca_file, "hq.ca_file")
    certificate = _certificate(link.cert_file, "hq.cert_file")
    where = f'hq.cert_file "{link.cert_file}"'
    if _key(link.key_file) != certificate.public_key():
        raise ConfigError(f'hq.key_file "{link.key_file}" is not the key of {where}; take the two that belong together')
    names = [attribute.value for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [site]:
        shown = ", ".join(map(str, names)) or "nobody"
        raise ConfigError(f"{where} is that of {shown}, this is the site {site}: headquarters would file it there")
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        raise ConfigError(
            f'{where} was not signed by hq.ca_file "{link.ca_file}"; where an authority in between signed it, both'
            " certificates stand in hq.cert_file, the site's first"
        ) from None


def ends_at(link: HqLinkConfig) -> datetime:
    """Until when the certificate of a site holds; raises ConfigError."""
    return _certificate(link.cert_file, "hq.cert_file").not_valid_after_utc


def date_fault(link: HqLinkConfig, wall_ns: int) -> str | None:
    """Why the certificate of a site does not hold now, None where it does; raises ConfigError."""
    certificate = _certificate(link.cert_file, "hq.cert_file")
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    now = datetime.fromtimestamp(wall_ns / 1e9, UTC)
    if begins <= now <= ends:
        return None
    return (
        f'hq.cert_file "{link.cert_file}" holds from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}, and this machine says'
        f" {now:%Y-%m-%d}; renew it, or set the clock"
    )


def _certificate(path: Path, key: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise ConfigError(f'{key} "{path}": cannot be read ({error.strerror}); edge keys makes one') from error
    except ValueError:
        raise ConfigError(f'{key} "{path}": is not a certificate in PEM; that begins -----BEGIN CERTIFICATE') from None


def _key(path: Path) -> object:
    try:
        return load_pem_private_key(path.read_bytes(), password=None).public_key()
    except OSError as error:
        raise ConfigError(f'hq.key_file "{path}": cannot be read ({error.strerror}); run this as its owner') from error
    except (ValueError, TypeError):
        raise ConfigError(f'hq.key_file "{path}": is not a key in PEM without a password') from None
