"""The public page behind the code of a denial, `/n/…`: every class, closed, open and refused, looked at like a screen.

It is read on the visitor's own phone, standing before the gate; both languages stand on it at once.
"""

from types import SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from eyes import LOOK, REAL_TIMERS, serious
from states import SIZES

from central.http.visitors import notices
from central.register.notices import Class, Noticed
from credit.reasons import Reason

pytestmark = [
    pytest.mark.look,
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]
PROFILE = SimpleNamespace(
    title={"zh": "云溪古镇 · 临溪客栈前台", "en": "Yunxi Old Town, desk of the Riverside Inn"},
    texts={"appeal_url": {"zh": "https://yunxi.example/appeal"}},
)
WHY = tuple(reason for reason in Reason if reason is not Reason.OK)


def noticed(kind, *reasons):
    return Noticed(kind, 1_790_000_000_000, PROFILE, "ab" * 32, reasons)


PAGES = {
    "not here": lambda: notices.draw(None),
    **{kind.value: lambda kind=kind: notices.draw(noticed(kind)) for kind in Class},
    "not proved": lambda: notices.draw(noticed(Class.RESTRICTED), notices.NOT_PROVED),
    "told": lambda: notices.draw(noticed(Class.RESTRICTED, *WHY), notices.told(noticed(Class.RESTRICTED, *WHY))),
}


@pytest.mark.parametrize("name", PAGES)
async def test_nothing_is_wrong_to_the_eye(chromium, name):
    async def page_of(_request):
        return web.Response(text=PAGES[name](), content_type="text/html", headers=notices.HEADERS)

    app = web.Application()
    app.add_routes([web.get("/n/x", page_of)])
    problems = []
    async with TestServer(app) as server:
        context = await chromium.new_context(bypass_csp=True, reduced_motion="reduce")
        page = await context.new_page()
        await page.add_init_script(REAL_TIMERS)
        await page.goto(str(server.make_url("/n/x")))
        for size, (width, height) in SIZES.items():
            await page.set_viewport_size({"width": width, "height": height})
            problems += [
                f"{size}: {one}" for one in await page.evaluate(LOOK, {"codes": 0, "needs": ["h1"], "scrolls": True})
            ]
        problems += await serious(page)
        await context.close()

    assert problems == []
