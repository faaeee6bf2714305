"""HEAD over a real socket: the headers of GET, no body, and no stream that goes on."""

import httpx
import pytest

PATHS = (
    "/",
    "/collections",
    "/collections/stations",
    "/collections/stations/items",
    "/collections/stations/items?f=csv",
    "/collections/fire_rasters/map/tiles/WebMercatorQuad/9/203/425",
    "/collections/nowhere",
    "/collections/stations/items?limit=x",
    "/map",
    "/jobs",
    "/openapi.json",
)


@pytest.mark.parametrize("path", PATHS)
def test_head_says_what_get_says_without_a_body(map_server: str, path: str) -> None:
    with httpx.Client(base_url=map_server, trust_env=False) as client:
        head, get = client.head(path), client.get(path)
        assert (head.status_code, head.content) == (get.status_code, b"")
        # The page of the map has a new nonce, an answer of features its time.
        varying = {"date", "content-security-policy", "content-length"}
        kept = (
            {name: value for name, value in answer.headers.items() if name not in varying} for answer in (head, get)
        )
        assert next(kept) == next(kept)
        assert client.get(path).status_code == get.status_code, "the connection goes on"


def test_other_methods_are_refused_as_before(map_server: str) -> None:
    with httpx.Client(base_url=map_server, trust_env=False) as client:
        assert client.put("/collections").status_code == 405
        assert client.head("/processes/zone-heating/execution").status_code == 405
