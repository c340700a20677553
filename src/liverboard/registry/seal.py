"""What only the centre's key opens again: the way back from a de-identified study to its source."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from liverboard.errors import BadInput

_NONCE_BYTES: Final = 12


def seal(key: bytes, about: str, content: Mapping[str, Any]) -> str:
    """`content` (JSON values) encrypted by AES-256-GCM under a key made of the centre's. `about`: what it belongs to; it opens for nothing else."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    closed = AESGCM(_own(key)).encrypt(nonce, json.dumps(content).encode(), about.encode())
    return base64.b64encode(nonce + closed).decode("ascii")


def unseal(key: bytes, about: str, text: str) -> dict[str, Any]:
    """The reverse of `seal`. Raises BadInput: another key, another thing than `about`, or changed since."""
    try:
        whole = base64.b64decode(text, validate=True)
        opened = AESGCM(_own(key)).decrypt(whole[:_NONCE_BYTES], whole[_NONCE_BYTES:], about.encode())
    except (binascii.Error, InvalidTag, ValueError):
        raise BadInput(
            "what leads back to the source study cannot be opened",
            hint="It opens under the key of the centre that took the study in, and only as it was written.",
        ) from None
    return json.loads(opened)


def _own(key: bytes) -> bytes:
    return hmac.digest(key, b"links of studies", hashlib.sha256)
