"""Which addresses a hook may reach: none of this machine's or network's own.

A name is looked up once; every address it has must be a public one, and the
connection goes to the very address that was looked at. So neither a name that points
inside, nor one that answers differently the second time, nor another spelling of
127.0.0.1 leads anywhere. Hosts in `ALERT_HOSTS` may be private: a chat server of the
company's own, a receiver in a test.
"""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

HTTP, HTTPS = 80, 443
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class RefusedAddress(Exception):
    """A hook's address that nothing is sent to; says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to connect: a looked-up address, and the name that it was found by."""

    host: str
    address: str
    port: int
    is_secure: bool
    target: str

    @property
    def host_header(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        usual = HTTPS if self.is_secure else HTTP
        return name if self.port == usual else f"{name}:{self.port}"


def checked(url: str) -> Place:
    """Return where a URL leads. Raises RefusedAddress for what is not to be called."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise RefusedAddress("This is no address.") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise RefusedAddress("Only http and https addresses with a host are called.")
    if parts.username is not None or parts.password is not None:
        raise RefusedAddress("An address must not hold a name or a password.")
    is_secure = parts.scheme == "https"
    port = port or (HTTPS if is_secure else HTTP)
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    return Place(host, _looked_up(host, port), port, is_secure, target)


def _looked_up(host: str, port: int) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise RefusedAddress(f"The host {host!r} cannot be found.") from None
    addresses = [str(entry[4][0]) for entry in found]
    if host not in settings.ALERT_HOSTS:
        for address in addresses:
            if not _is_public(ipaddress.ip_address(address.partition("%")[0])):
                raise RefusedAddress(
                    f"The host {host!r} is at a private address; MLOPS_ALERT_HOSTS "
                    "would have to name it."
                )
    return addresses[0]


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        inner = inner or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return _is_public(inner)
        if address in _NAT64:
            return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and not address.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
