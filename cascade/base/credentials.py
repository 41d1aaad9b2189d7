"""Passwords in addresses: taken out wherever a configuration is written or shown."""

import re

# user:password@host; a password that holds a slash must be percent-encoded in an address.
PASSWORD = re.compile(r"(://[^:/@\s]*:)[^/\s]*(?=@)")


def mask_credentials(text: str) -> str:
    """The text with *** for the password of every address in it."""
    return PASSWORD.sub(r"\1***", text)
