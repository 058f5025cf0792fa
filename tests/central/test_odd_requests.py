"""Row 16 at the platform: what a call names may be any text and any figure; a 4xx with a problem, never a fault."""

import json
from base64 import urlsafe_b64encode

import aiohttp
import pytest

from sync.transport import RefusedError

NUL = urlsafe_b64encode(json.dumps({"alg": "EdDSA", "typ": "xg-auth+jwt", "kid": "a\0b"}).encode()).decode().rstrip("=")
CALLS = {
    "a NUL in the path": ("GET", "/v1/terminals/a%00b/standing", {}),
    "half a character in the path": ("GET", "/v1/terminals/%ED%A0%80/standing", {}),
    "a NUL in the query": ("POST", "/v1/reask?terminal=%00", {}),
    "a NUL in the token's head": ("POST", "/v1/claims", {"Authorization": f"Bearer {NUL}.e30.x"}),
    "a NUL in a hub's name": ("GET", "/v1/hubs/%00/site", {}),
    "a NUL in a nonce": ("GET", "/v1/time?nonce=%00%00%00%00%00%00%00%00%ff", {}),
    "a NUL in a notice": ("GET", "/n/%00", {}),
}


@pytest.mark.parametrize(("method", "path", "headers"), CALLS.values(), ids=CALLS)
async def test_a_name_that_nothing_is_kept_under_is_the_callers_mistake(town, caplog, method, path, headers):
    async with aiohttp.ClientSession() as session:
        url = aiohttp.client.URL(town.url + path, encoded=True)
        async with session.request(method, url, headers=headers) as answer:
            status = answer.status

    assert status < 500
    assert "a fault of ours" not in caplog.text


@pytest.mark.parametrize("through", ["0" * 20 + "9" * 5_000, "9" * 17, "²", "-1", ""])
async def test_a_figure_that_is_no_record_s_number_is_the_terminal_s_mistake(town, caplog, through):
    line = (await town.terminal()).line()

    with pytest.raises(RefusedError) as refused:
        await line.call("GET", f"/standing?through={through}")

    assert (refused.value.problem.status, refused.value.problem.code) == (400, "bad_message")
    assert "a fault of ours" not in caplog.text
