"""The folder of an authority: ca.crt, ca.key, hq/ and sites/<id>/. Never puts a key in place of another unasked."""

import os
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from edge.errors import ConfigError
from edge.keys.authority import KeyPair
from edge.mosquitto.files import SECRET, Owner, make_folder, write_file

_PRIVATE: Final = 0o700


class KeyFolder:
    """Where an authority and what it signed are kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._owner = Owner.present()

    def authority(self) -> KeyPair:
        """The authority of this folder; raises ConfigError."""
        certificate_file, key_file = self.path / "ca.crt", self.path / "ca.key"
        if not certificate_file.exists():
            raise ConfigError(f"there is no authority in {self.path}: make one with edge keys ca --folder {self.path}")
        try:
            certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
            key = load_pem_private_key(key_file.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(f"the authority in {self.path} cannot be read: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise ConfigError(f"{key_file} is not the key of {certificate_file}; put back the right one")
        return KeyPair(certificate, key)

    def store_authority(self, pair: KeyPair) -> None:
        """Keep a new authority; raises ConfigError where there is one: all that it signed would be worth nothing."""
        if (self.path / "ca.crt").exists() or (self.path / "ca.key").exists():
            raise ConfigError(f"{self.path} holds an authority already; take another --folder for a new one")
        self._write({self.path / "ca.key": pair.key_pem(), self.path / "ca.crt": pair.certificate_pem()})

    def store(self, folder: Path, name: str, pair: KeyPair, authority: KeyPair, *, renew: bool) -> None:
        """Keep a signed certificate, its key, and the authority's certificate beside them; raises ConfigError."""
        there = (folder / f"{name}.crt").exists() or (folder / f"{name}.key").exists()
        if there and not renew:
            raise ConfigError(f"{folder} holds a certificate already; --renew puts a new one in its place")
        files = {folder / f"{name}.key": pair.key_pem(), folder / f"{name}.crt": pair.certificate_pem()}
        self._write(files | {folder / "ca.crt": authority.certificate_pem()})

    def _write(self, files: dict[Path, bytes]) -> None:
        try:
            for path, content in files.items():
                for folder in (self.path, path.parent):
                    if not folder.is_dir():
                        make_folder(folder, self._owner, mode=_PRIVATE)
                write_file(path, content, self._owner, mode=SECRET if path.suffix == ".key" else 0o644)
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be written: {os.strerror(error.errno or 0)}") from error
