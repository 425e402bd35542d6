"""A URL that somebody names, read strictly: what two programs could read in two ways is refused."""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address

import idna
from yarl import URL

from agents.egress.addresses import Address
from agents.egress.errors import Refused
from agents.egress.permits import NAME, Permits, is_named

MAX_URL_CHARACTERS = 2048
FORM = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<slashes>/*)(?P<authority>[^/?#]*)(?P<rest>.*)")
AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{0,5}))?")
# An address written with fewer parts, as one number, in hexadecimal or octal, ends in a label like these.
NUMERIC = re.compile(r"0x[0-9a-f]*|[0-9]+")
# Names that mean something else in each network.
LOCAL_SUFFIXES = (
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "private",
    "home.arpa",
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. `literal`: the address that the URL has in place of a name."""

    url: URL
    host: str
    port: int
    literal: Address | None


def read(text: str, permits: Permits) -> Target:
    """Read a URL as it was given. Raises Refused, which says what would be right."""
    text = text.strip()
    if len(text) > MAX_URL_CHARACTERS:
        raise Refused(f"The address is longer than {MAX_URL_CHARACTERS} characters.")
    if not text.isprintable() or re.search(r"[\s\\]", text):
        raise Refused("The address has characters that no address has, such as spaces, line breaks or backslashes.")
    form = FORM.fullmatch(text)
    if form is None or form["slashes"] != "//" or not form["authority"]:
        raise Refused(f"{text[:64]!r} is no full address; write it as https://example.com/page.")
    scheme = form["scheme"].lower()
    if scheme not in ("http", "https"):
        raise Refused(f"Only http and https addresses can be reached, not {scheme}.")
    if "@" in form["authority"]:
        raise Refused("The address has a user name or password in it; write it without.")
    authority = AUTHORITY.fullmatch(form["authority"])
    if authority is None:
        raise Refused(f"{form['authority'][:64]!r} is no host with a port.")
    port = int(authority["port"] or (443 if scheme == "https" else 80))
    if not 1 <= port <= 65_535:
        raise Refused(f"There is no port {port}.")
    host, literal = _host(authority["host"])
    if literal is None and _is_local(host) and not is_named(host, port, permits):
        raise Refused(f"{host} is a name of local networks, not of the public internet.")
    return Target(_url(scheme, host, literal, port, form["rest"]), host, port, literal)


def _host(text: str) -> tuple[str, Address | None]:
    if text.startswith("["):
        try:
            address = IPv6Address(text[1:-1])
        except AddressValueError as error:
            raise Refused(f"{text[:64]!r} is no IPv6 address.") from error
        if address.scope_id is not None:
            raise Refused("An IPv6 address with a zone is one of a local network.")
        return str(address), address
    host = ".".join(map(_label, text.split(".")))
    if host.endswith("."):
        raise Refused("Write the host without a dot at its end.")
    if NUMERIC.fullmatch(host.rpartition(".")[2]):
        try:
            return host, IPv4Address(host)
        except AddressValueError as error:
            raise Refused(f"Write an IPv4 address as four decimal numbers, not as {text[:64]!r}.") from error
    if not NAME.fullmatch(host):
        raise Refused(f"{text[:64]!r} is no name of a host.")
    return host, None


def _label(text: str) -> str:
    """The label in lower case and in ASCII. Letters that only look like others, such as full-width ones, are refused."""
    if text.isascii():
        return text.lower()
    try:
        label = idna.encode(text, uts46=True).decode()
    except idna.IDNAError as error:
        raise Refused(f"{text[:64]!r} is not part of a host's name.") from error
    if not label.startswith("xn--") or "." in label:
        raise Refused(
            f"{text[:64]!r} is written with letters that stand for others; write {label[:64]!r} if you mean that."
        )
    return label


def _is_local(host: str) -> bool:
    return "." not in host or any(host.endswith(f".{suffix}") for suffix in LOCAL_SUFFIXES)


def _url(scheme: str, host: str, literal: Address | None, port: int, rest: str) -> URL:
    """The URL as the client takes it, made of what was checked."""
    shown = f"[{host}]" if isinstance(literal, IPv6Address) else host
    is_usual = port == (443 if scheme == "https" else 80)
    try:
        url = URL(f"{scheme}://{shown}{'' if is_usual else f':{port}'}{rest}")
        is_same_host = ip_address(url.raw_host or "") == literal if literal else url.raw_host == host
    except ValueError as error:
        raise Refused("The address cannot be read.") from error
    if not is_same_host or url.port != port or url.scheme != scheme or url.user is not None:
        raise Refused("The address can be read in two ways.")
    return url
