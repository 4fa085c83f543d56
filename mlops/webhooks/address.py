"""Address filter of webhooks: no loopback, private or link-local address.

A name is looked up once; every address it has must be a public one, and the
connection goes to the very address that was looked at. So neither a name that points
inside, nor one that answers differently the second time, nor another spelling of
127.0.0.1 leads anywhere. Hosts in `ALERT_HOSTS` may be private: a chat server of the
company's own, a receiver in a test.
"""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from django.conf import settings

HTTP, HTTPS = 80, 443
IN_PATH = "/%:@!$&'()*+,;=~"
IN_QUERY = IN_PATH + "?"
"""What stays as it is (RFC 3986); any other letter is sent percent-encoded."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class RefusedAddress(Exception):
    """The URL of a hook that must not be called; says why."""


@dataclass(frozen=True, slots=True)
class WebhookAddress:
    """A resolved address to connect to, with its host name."""

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


def checked(url: str) -> WebhookAddress:
    """Resolve and validate a URL. Raises RefusedAddress for a forbidden one (SSRF)."""
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
    target = quote(parts.path, safe=IN_PATH) or "/"
    if parts.query:
        target += f"?{quote(parts.query, safe=IN_QUERY)}"
    host = _in_ascii(host)
    return WebhookAddress(host, _looked_up(host, port), port, is_secure, target)


def _in_ascii(host: str) -> str:
    """Return the name as it is looked up (IDNA). Raises RefusedAddress."""
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise RefusedAddress(f"The host {host!r} is no name of a host.") from None


def _looked_up(host: str, port: int) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise RefusedAddress(f"The host {host!r} cannot be found.") from None
    addresses = [str(entry[4][0]) for entry in found]
    if host not in map(_in_ascii, settings.ALERT_HOSTS):
        for address in addresses:
            if not _is_public(ipaddress.ip_address(address.partition("%")[0])):
                raise RefusedAddress(
                    f"The host {host!r} is at a private address; MLOPS_ALERT_HOSTS "
                    "would have to name it."
                )
    return addresses[0]


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _PRIVATE_IPV4)
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None:
        return _is_public(inner)
    return address in _UNICAST and not any(address in one for one in _PRIVATE_IPV6)


# By IANA's registries of special-purpose addresses; what Python calls global differs
# from version to version.
_PRIVATE_IPV4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8"),
            *("169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24"),
            *("192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
            *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            "168.63.129.16/32",  # Azure's: in no registry, and the host of the machine
        ),
    )
)
_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All that is given out; what lies outside is local, or not routed."""
_PRIVATE_IPV6 = tuple(
    map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20"))
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
