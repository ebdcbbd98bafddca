"""Whether the page can be served at an address: Gradio would try a hundred ports, and then wait for itself."""

import socket

from core.errors import UsageError


def check_address(host: str, port: int) -> None:
    """Raises UsageError for an address that is none of this machine's, and for a port that is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as any_port:
            any_port.bind((host or "nowhere at all", 0))  # Python takes "" for all addresses
    except (OSError, UnicodeError):
        raise UsageError(
            f"host: '{host}' is no address of this machine; give 127.0.0.1, or 0.0.0.0 for all to look"
        ) from None
    try:
        with socket.socket(family) as this_port:
            this_port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
            this_port.bind((host, port))
    except OSError as error:
        words = f"port: {port} of {host} cannot be had ({error.strerror.lower()})"
        raise UsageError(f"{words}; give another --port, or 0 for a free one") from None
