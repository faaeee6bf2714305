"""Answers in gzip of which the large part was compressed before: only what is new in them is compressed now."""

import zlib
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response

_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LEVEL = 2


@dataclass(frozen=True)
class Block:
    """A text, and the same as deflated blocks that may stand in any gzip stream: they look back at nothing before."""

    plain: bytes
    deflated: bytes

    @classmethod
    def of(cls, plain: bytes) -> "Block":
        """Deflate a text."""
        return cls(plain, _deflate(plain, last=False))


def spliced(request: Request, parts: tuple[bytes, Block, bytes], *, media: str, headers: dict[str, str]) -> Response:
    """Return head, block and tail as one answer, compressed if the client takes that."""
    head, block, tail = parts
    if not _takes_gzip(request):
        return Response(b"".join((head, block.plain, tail)), media_type=media, headers=headers)
    checksum = zlib.crc32(tail, zlib.crc32(block.plain, zlib.crc32(head)))
    size = (len(head) + len(block.plain) + len(tail)) & 0xFFFFFFFF
    content = b"".join(
        (
            _HEADER,
            _deflate(head, last=False),
            block.deflated,
            _deflate(tail, last=True),
            checksum.to_bytes(4, "little"),
            size.to_bytes(4, "little"),
        )
    )
    more = {"Content-Encoding": "gzip", "Vary": ", ".join(filter(None, (headers.get("Vary"), "Accept-Encoding")))}
    return Response(content, media_type=media, headers=headers | more)


def _deflate(text: bytes, *, last: bool) -> bytes:
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflater.compress(text) + deflater.flush(zlib.Z_FINISH if last else zlib.Z_FULL_FLUSH)


def _takes_gzip(request: Request) -> bool:
    for part in request.headers.get("accept-encoding", "").split(","):
        name, _, weight = part.strip().partition(";")
        if name in ("gzip", "*") and weight.replace(" ", "") not in ("q=0", "q=0.0"):
            return True
    return False
