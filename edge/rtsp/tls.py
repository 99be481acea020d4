"""How an rtsps camera proves who it is: by a certificate that is trusted, or by the fingerprint of the one it has."""

import hashlib
import ssl
from dataclasses import dataclass
from hmac import compare_digest

from edge.errors import StreamError


@dataclass(frozen=True, slots=True)
class Tls:
    """What is asked of a camera's certificate; `fingerprint` is its SHA-256 in lower-case hexadecimal digits."""

    verify: bool = True
    fingerprint: str | None = None
    legacy: bool = False

    def context(self) -> ssl.SSLContext:
        """Settings of the handshake."""
        context = ssl.create_default_context()
        if self.fingerprint or not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.legacy:  # Axis M5054 with firmware 6.53 has nothing but RSA key exchange and CBC
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.set_ciphers("ALL:@SECLEVEL=0")
        return context

    def check(self, certificate: bytes) -> None:
        """Compare the camera's certificate (DER) with the fingerprint; StreamError if it is another one."""
        found = hashlib.sha256(certificate).hexdigest()
        if self.fingerprint and not compare_digest(found, self.fingerprint.replace(":", "").lower()):
            raise StreamError(
                f"the camera shows another certificate than the one in tls.fingerprint; its SHA-256 is {found}: "
                "write that into tls.fingerprint only if the camera or its certificate was exchanged"
            )
