"""Answers spliced together from compressed parts are the gzip of their text."""

import gzip

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st

from api.routes.spliced import Block, spliced


def answer(parts: tuple[bytes, bytes, bytes], accept: str):
    request = Request({"type": "http", "headers": [(b"accept-encoding", accept.encode())]})
    head, block, tail = parts
    return spliced(request, (head, Block.of(block), tail), media="text/plain", headers={"Vary": "Accept"})


@given(st.tuples(st.binary(max_size=50), st.binary(max_size=3000), st.binary(max_size=50)))
def test_it_unpacks_to_the_text(parts: tuple[bytes, bytes, bytes]) -> None:
    found = answer(parts, "br, gzip;q=0.5")
    assert gzip.decompress(found.body) == b"".join(parts)
    assert (found.headers["content-encoding"], found.headers["vary"]) == ("gzip", "Accept, Accept-Encoding")


@pytest.mark.parametrize("accept", ["", "br", "gzip;q=0", "identity"])
def test_who_does_not_take_it_does_not_get_it(accept: str) -> None:
    found = answer((b"a", b"b" * 5000, b"c"), accept)
    assert "content-encoding" not in found.headers
    assert found.body == b"a" + b"b" * 5000 + b"c"
