"""The public page of a notice, `/n/{id}`: what kind of answer it was, and how to appeal (lane.md).

Rules of this file:

- whoever has the address may read it: so no reason, no measure and no person stand there, and no script runs;
- who proves with the phone that the notice is about them (`POST`, central.proofs.holding) is told the reasons and what
  to do; who does not, is told that and nothing else, whatever the fault;
- a notice that is not here yet (the terminal may be offline) is told as that, with 404 and the same way to ask;
- both languages on one page, 中文 first; whatever the profile says is escaped.
"""

import asyncio
import html
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from central.http.asked import read_bounded
from central.proofs.holding import NotProvedError, prove_holder
from central.proofs.issued import issued
from central.register.notices import NOTICE, Class, Noticed, read
from credit.telling.texts import text_of
from storage.jobs import JobStore

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
}
STYLE: Final = (
    "body{font:1.1rem/1.6 system-ui,sans-serif;margin:0 auto;max-width:34rem;padding:2rem 1.25rem;color:#16202b;"
    "background:#fff}h1{font-size:1.5rem;line-height:1.3;margin:0 0 .25rem}p{margin:.5rem 0 1.25rem}"
    "[lang=en]{color:#45525f}a [lang=en],button [lang=en]{color:inherit}"
    "a{display:inline-block;min-height:44px;padding:.6rem 1rem;border-radius:.5rem;"
    "background:#0b5cad;color:#fff;text-decoration:none}small{color:#45525f}label{display:block}input,button{box-sizing:border-box;"
    "width:100%;min-height:44px;font:inherit;margin:.3rem 0}.told{border-left:.3rem solid #0b5cad;padding-left:.8rem}"
)
MAX_FORM_BYTES: Final = 8 * 1024
PROOF: Final = (
    '<form method="post"><label>本人查看原因：请在小程序中打开本页，由手机证明'
    "<br><span lang=en>To read why: open this page in your wallet; your phone proves that it is you</span>"
    '<input name="code" maxlength="700" autocomplete="off" required></label>'
    "<button>查看 <span lang=en>Show</span></button></form>"
)
NOT_PROVED: Final = (
    '<p role="alert"><b>未能证明是本人</b><br><span lang=en>This does not prove that it is you</span></p>'
)
WORDS: Final[dict[Class | None, tuple[str, str, str, str]]] = {
    Class.RESTRICTED: (
        "您今天暂不能使用这项服务",
        "This service is restricted for you today",
        "原因、认定机关和期限只告知本人：请向现场工作人员索取书面告知，或向认定机关查询。",
        "Why, by whom and until when is told to you alone: ask the staff for the printed notice, or the authority.",
    ),
    Class.REFUSED: (
        "此码未被接受",
        "The code was not accepted",
        "请在小程序重新打开信用码；若仍不行，请找现场工作人员。",
        "Open your credit code anew; if that does not help, ask the staff.",
    ),
    Class.REFERRED: (
        "请由工作人员办理",
        "The staff will help you",
        "闸机不能自行决定这一次，工作人员可以。",
        "The gate could not decide this by itself; the staff can.",
    ),
    Class.STANDARD: (
        "本次没有可用的优惠",
        "No benefit applied this time",
        "您可以按普通价格使用这项服务。原因写在现场的书面告知上。",
        "The service is yours at the usual price. The reason stands on the printed notice.",
    ),
    None: (
        "暂时查不到这条告知",
        "This notice is not here yet",
        "终端可能尚未联网，请稍后再试。告知保存 180 天。",
        "The terminal may be offline: try again later. Notices are kept for 180 days.",
    ),
}


class NoticePage:
    """Handlers over the platform's books."""

    def __init__(self, store: JobStore, *, folder: Path, now_ms: Callable[[], int]) -> None:
        self._store, self._folder, self._now_ms = store, folder, now_ms

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get("/n/{notice}", self.page), web.post("/n/{notice}", self.prove)]

    async def page(self, request: web.Request) -> web.Response:
        """Show a notice."""
        found = await self._found(request)
        return _answer(draw(found), 200 if found else 404)

    async def prove(self, request: web.Request) -> web.Response:
        """Tell the rest to who holds the phone; 403 to everybody else."""
        found = await self._found(request)
        if found is None:
            return _answer(draw(None), 404)
        form = parse_qs((await read_bounded(request, MAX_FORM_BYTES)).decode("utf-8", "replace"))
        shown = form.get("code", [""])[0]
        keys = (await asyncio.to_thread(issued, self._folder, ())).keys
        try:
            prove_holder(
                shown,
                request.match_info["notice"],
                token_hash=found.token_hash or "",
                keys=keys,
                now_s=self._now_ms() // 1000,
                test=found.profile.test,
            )
        except NotProvedError:
            return _answer(draw(found, NOT_PROVED), 403)
        return _answer(draw(found, told(found)), 200)

    async def _found(self, request: web.Request) -> Noticed | None:
        name = request.match_info["notice"]
        return await self._store.read(lambda tx: read(tx, name)) if NOTICE.fullmatch(name) else None


def _answer(text: str, status: int) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)


def told(found: Noticed) -> str:
    """Return the reasons and what to do, in both languages."""
    lines = []
    for reason in found.reasons:
        text = text_of(reason)
        zh, en = html.escape(text.zh + _then(text.next_zh)), html.escape(text.en + _then(text.next_en))
        lines.append(f"<p>{zh}<br><span lang=en>{en}</span></p>")
    return f'<div class="told">{"".join(lines)}</div>'


def _then(text: str) -> str:
    return f" · {text}" if text else ""


def draw(found: Noticed | None, rest: str = PROOF) -> str:
    """Return the page of a notice, or the one that says that it is not here. `rest`: what stands at its end."""
    zh, en, more_zh, more_en = WORDS[None if found is None else found.kind]
    parts = [f"<h1>{zh}</h1><p lang=en>{en}</p>", f"<p>{more_zh}<br><span lang=en>{more_en}</span></p>"]
    if found is not None:
        parts += [_where(found), rest if found.token_hash else ""]
    return (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{zh}</title><style>{STYLE}</style><body>{''.join(parts)}</body></html>"
    )


def _where(found: Noticed) -> str:
    title, texts = found.profile.title, found.profile.texts.get("appeal_url", {})
    day = time.strftime("%Y-%m-%d", time.gmtime(found.at_ms // 1000))
    place = "<br>".join(
        f"<span lang={name}>{html.escape(title[name])}</span>" for name in ("zh", "en") if name in title
    )
    appeal = texts.get("zh") or texts.get("en") or ""
    link = ""
    if urlsplit(appeal).scheme == "https":
        words = "异议与申诉 <span lang=en>Appeal</span>"
        link = f'<p><a href="{html.escape(appeal, quote=True)}" rel="noreferrer">{words}</a></p>'
    return f"{link}<p><small>{place}<br>{day} UTC</small></p>"
