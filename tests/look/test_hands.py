"""What hands do at a counter: scan with the cursor anywhere, leave the input method on, click twice, mistype a sum."""

import pytest
import terminal_like
from states import OPEN, denial, grant, sale

from credit.reasons import Reason

pytestmark = [
    pytest.mark.look,
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

SCAN = "XG1: A$B 9.X/3"
MISTYPED = {
    "full-width": "ＸＧ１：　Ａ＄Ｂ　９．Ｘ／３",
    "caps lock": "xg1: a$b 9.x/3",
    "bom": "\ufeffXG1: A$B 9.X/3",
    "blanks before": "  XG1: A$B 9.X/3",
    "tab after": "XG1: A$B 9.X/3\t",
    "stx etx": "\x02XG1: A$B 9.X/3\x03",
    "ime punctuation": "XG1： A￥B 9。X/3",
}


async def waiting(page):
    await page.wait_for_selector('body[data-view="waiting"]')


async def later(page, terminal, seconds):
    """Let seconds pass on the page, its terminal speaking all the while."""
    for _ in range(seconds):
        await page.clock.run_for(1_000)
        await terminal.beat()


async def scan(page, text):
    """Type as a hand scanner does: a few milliseconds a key, Enter at the end."""
    await page.keyboard.type(text)
    await page.keyboard.press("Enter")


def presented(terminal):
    return [body for path, body in terminal.posted if path == "/v1/present"]


def stepped(terminal):
    return [path.rsplit("/", 1)[-1] for path, _body in terminal.posted if path.startswith("/v1/redemptions")]


class TestScanner:
    async def test_a_scan_while_the_cursor_is_in_the_room_is_taken_out_of_it_and_sent(self, open_screen, terminal):
        page = await open_screen("desk")
        await waiting(page)
        await page.focus("#room")
        await page.keyboard.type("301", delay=120)

        await scan(page, SCAN)
        await page.wait_for_selector(".result")

        [body] = presented(terminal)
        assert (body["code"], body["asset"]) == (SCAN, "301")

    async def test_a_scan_into_the_deposit_leaves_the_deposit_as_it_was(self, open_screen, terminal):
        page = await open_screen("desk")
        await waiting(page)
        await page.fill("#deposit", "300")
        await page.focus("#deposit")

        await scan(page, SCAN)
        await page.wait_for_selector(".result")

        [body] = presented(terminal)
        assert (body["code"], body["amount_fen"]) == (SCAN, 30_000)

    @pytest.mark.parametrize("typed", MISTYPED.values(), ids=MISTYPED)
    async def test_what_a_keyboard_did_to_a_good_code_is_undone(self, open_screen, terminal, typed):
        page = await open_screen("gate")
        await waiting(page)

        await page.evaluate("text => { document.querySelector('#code').value = text; }", typed)
        await page.press("#code", "Enter")
        await page.wait_for_selector(".result")

        [body] = presented(terminal)
        assert body["code"] == SCAN

    async def test_enter_in_the_room_with_a_code_waiting_sends_it(self, open_screen, terminal):
        page = await open_screen("desk")
        await waiting(page)
        await page.fill("#code", SCAN)
        await page.fill("#room", "8208")

        await page.press("#room", "Enter")
        await page.wait_for_selector(".result")

        assert presented(terminal)[0]["asset"] == "8208"


class TestAmounts:
    @pytest.mark.parametrize("typed", ["12,50", "-5", "0", "1e3", "12.345", "99999999", "abc"])
    async def test_a_wrong_amount_says_so_and_takes_the_old_answer_away(self, open_screen, terminal, typed):
        page = await open_screen("counter")
        await waiting(page)
        terminal.tell("decision", {"lane": "C", "at_ms": terminal_like.now_ms(), **sale(12_880)})
        await page.wait_for_selector(".result")

        await page.fill("#amount", typed)
        await page.fill("#code", SCAN)
        await page.press("#amount", "Enter")

        await page.wait_for_selector('#amount[aria-invalid="true"]')
        assert await page.locator(".result").count() == 0
        assert presented(terminal) == []
        assert (await page.locator("#amount-problem").inner_text()).strip()

    @pytest.mark.parametrize(
        ("typed", "fen"), [("１２８。５", 12_850), (".5", 50), ("1,280", 128_000), ("12,800.5", 1_280_050)]
    )
    async def test_a_right_amount_is_understood_however_it_is_written(self, open_screen, terminal, typed, fen):
        page = await open_screen("counter")
        await waiting(page)

        await page.fill("#amount", typed)
        await page.fill("#code", SCAN)
        await page.press("#amount", "Enter")
        await page.wait_for_selector(".result")

        assert presented(terminal)[0]["amount_fen"] == fen

    @pytest.mark.parametrize("typed", ["abc", "0", "-300", "3,00"])
    async def test_a_wrong_deposit_says_what_is_wrong_with_it(self, open_screen, terminal, typed):
        page = await open_screen("desk")
        await waiting(page)
        await page.fill("#deposit", typed)

        await scan(page, SCAN)
        await page.wait_for_selector("#deposit[aria-invalid]")

        assert presented(terminal) == []
        assert (await page.inner_text("#deposit-problem")).strip() not in ("", "标准押金（元）")

    @pytest.mark.parametrize("typed", ["abc", ""])
    async def test_a_wrong_claim_says_what_is_wrong_with_it(self, open_screen, terminal, typed):
        page = await open_screen("desk")
        await page.wait_for_selector("#stays li >> nth=2")
        await page.locator("#stays li").first.get_by_role("button", name="扣赔").click()
        await page.fill("#claim", typed)

        await page.press("#claim", "Enter")
        await page.wait_for_selector("#claim-problem:not(:empty)")

        assert stepped(terminal) == []


class TestSteps:
    async def test_undo_after_passing_never_falls_back_to_a_reversal(self, open_screen, terminal):
        terminal.refuses = {"annul": "too_late"}
        page = await open_screen("gate")
        await waiting(page)
        terminal.show("grant")
        await page.wait_for_selector("#undo:not(:disabled)")

        await page.click("#undo")
        await page.click("#undo.armed")
        await page.wait_for_selector("#toast.bad.on")

        assert stepped(terminal) == ["annul"]

    async def test_a_double_click_is_one_click(self, open_screen, terminal):
        page = await open_screen("desk", still=True)
        await page.wait_for_selector("#stays li >> nth=2")

        leave = page.locator("#stays li").first.get_by_role("button").first
        await leave.dblclick()
        assert await page.locator("#stays .sure").count() == 1
        assert await page.locator("#stays .armed").count() == 0
        await page.clock.run_for(600)
        await page.wait_for_selector("#stays .armed")

        assert stepped(terminal) == []

    async def test_a_claim_above_the_waived_deposit_is_not_sent(self, open_screen, terminal):
        page = await open_screen("desk")
        await page.wait_for_selector("#stays li >> nth=2")
        await page.locator("#stays li").first.get_by_role("button", name="扣赔").click()

        await page.fill("#stays form input", "99999")
        await page.press("#stays form input", "Enter")
        await page.wait_for_selector("#stays form [role=alert]:not(:empty)")

        assert stepped(terminal) == []

    async def test_a_claim_is_confirmed_with_its_sum(self, open_screen, terminal):
        page = await open_screen("desk")
        await page.wait_for_selector("#stays li >> nth=2")
        await page.locator("#stays li").first.get_by_role("button", name="扣赔").click()
        await page.fill("#stays form input", "35.5")

        await page.press("#stays form input", "Enter")
        await page.press("#stays form input", "Enter")
        assert stepped(terminal) == []
        await page.locator("#stays form .armed").click()
        await page.wait_for_selector("#toast.on")

        assert [body for path, body in terminal.posted if path.endswith("/claim")] == [{"amount_fen": 3_550}]


class TestTime:
    async def test_a_denial_stays_until_it_can_be_read_and_a_grant_goes(self, open_screen, terminal):
        page = await open_screen("gate", still=True)
        await waiting(page)
        now = terminal_like.now_ms()

        terminal.tell("decision", {"lane": "A", "at_ms": now, **denial(Reason.RESTRICTED)})
        await page.wait_for_selector(".result.REFUSE")
        await later(page, terminal, 12)
        assert await page.locator(".result.REFUSE").count() == 1
        await later(page, terminal, 9)
        assert await page.locator(".result").count() == 0
        terminal.tell("decision", {"lane": "A", "at_ms": terminal_like.now_ms() + 60_000, **grant(obligations={})})
        await page.wait_for_selector(".result.GRANT")
        await later(page, terminal, 4)
        assert await page.locator(".result").count() == 0

    async def test_the_next_guest_finds_a_clean_desk(self, open_screen, terminal):
        page = await open_screen("desk")
        await waiting(page)
        terminal.tell("decision", {"lane": "D", "at_ms": terminal_like.now_ms(), **denial(Reason.NOT_ELIGIBLE, **OPEN)})
        await page.wait_for_selector(".result")

        await page.click("#next")

        await waiting(page)
        assert await page.evaluate("document.activeElement.id") == "room"


class TestDisplays:
    @pytest.mark.parametrize("name", ["desk", "counter"])
    async def test_a_screen_that_may_only_show_says_so_and_complains_of_nothing(self, open_screen, terminal, name):
        page = await open_screen(name, token=terminal_like.DISPLAY)
        await page.wait_for_selector("#strip.readonly", state="attached")

        terminal.show("standard", name)
        await page.wait_for_selector(".result")

        assert "只显示" in await page.inner_text("#no-stays, #no-recent")
        assert await page.locator("#toast.bad").count() == 0


class TestWords:
    async def test_what_was_just_told_is_told_in_the_language_switched_to(self, open_screen, terminal):
        terminal.refuses = {"annul": "too_late"}
        page = await open_screen("gate")
        await waiting(page)
        terminal.show("grant")
        await page.click("#undo:not(:disabled)")
        await page.click("#undo.armed")
        await page.wait_for_selector("#toast.on")

        await page.click("#language")

        assert (await page.inner_text("#toast")).startswith("That did not work")

    async def test_a_language_that_is_not_spoken_here_is_chinese_throughout(self, chromium, terminal):
        page = await chromium.new_page()
        await page.goto(f"{terminal.base}/gate?lang=fr#token={terminal_like.TOKEN}")
        await waiting(page)

        assert await page.get_attribute("html", "lang") == "zh-CN"
        assert await page.inner_text("#undo") == "撤销上一次"
        await page.close()

    @pytest.mark.parametrize("size", [(1280, 800), (1024, 600), (1080, 1920), (390, 844)])
    async def test_the_picture_does_not_jump_when_the_strip_has_more_to_say(self, open_screen, terminal, size):
        page = await open_screen("gate", width=size[0], height=size[1])
        await waiting(page)
        before = await page.evaluate("document.querySelector('#strip').offsetHeight")

        terminal.status = {"offline": True, "unsent": 128_400, "clock": "unsure"}
        terminal.show("many")
        await page.wait_for_selector(".result")
        await page.wait_for_selector("#net.off")

        assert await page.evaluate("document.querySelector('#strip').offsetHeight") == before


GATED = {"lanes": [{"id": "A", "scene": "gate", "camera": True, "actuator": True}]}


class TestFollowingTheGate:
    async def test_nothing_is_green_before_the_gate_has_moved(self, open_screen, terminal):
        terminal.status = GATED
        page = await open_screen("gate", still=True)
        await waiting(page)

        terminal.tell("decision", {"lane": "A", "at_ms": terminal_like.now_ms(), **grant(redemption="r1")})
        await page.wait_for_selector(".result.OPENING")
        assert await page.locator(".result.GRANT").count() == 0
        terminal.tell("gate", {"lane": "A", "redemption": "r1", "state": "opened"})

        await page.wait_for_selector(".result.GRANT")

    @pytest.mark.parametrize("state", ["failed", "not_actuated", "unknown"])
    async def test_a_gate_that_did_not_open_is_amber_at_once_and_says_what_to_do(self, open_screen, terminal, state):
        terminal.status = GATED
        page = await open_screen("gate", still=True)
        await waiting(page)
        terminal.tell("decision", {"lane": "A", "at_ms": terminal_like.now_ms(), **grant(redemption="r1")})
        await page.wait_for_selector(".result.OPENING")

        terminal.tell("gate", {"lane": "A", "redemption": "r1", "state": state})

        await page.wait_for_selector(".message.stuck")
        assert "再出示一次" in await page.locator(".message.stuck").inner_text()

    async def test_a_gate_that_says_nothing_is_no_green_either(self, open_screen, terminal):
        terminal.status = GATED
        page = await open_screen("gate")
        await waiting(page)

        terminal.tell("decision", {"lane": "A", "at_ms": terminal_like.now_ms(), **grant(redemption="r1")})

        await page.wait_for_selector(".message.stuck")
        assert await page.locator(".result").count() == 0

    async def test_the_reader_of_another_lane_does_not_close_this_one(self, open_screen, terminal):
        terminal.status = {"ready": False}
        terminal.checks = [{"name": "source:B", "ok": False, "zh": "B 道没有画面", "en": "lane B: no picture"}]
        page = await open_screen("gate")

        await waiting(page)


class TestStaff:
    async def test_a_keeper_sees_nothing_a_keeper_may_not_press(self, open_screen):
        page = await open_screen("staff")
        await unlock(page, "李强")

        assert not await page.locator("#override").is_visible()
        assert await page.locator("#stop").is_visible()

    async def test_a_supervisor_overrides_with_a_reason_in_their_own_name(self, open_screen, terminal):
        page = await open_screen("staff")
        await unlock(page, "王芳")
        assert await page.evaluate("document.activeElement.id") == "override-code"

        await page.fill("#override-code", "xg1: a$b 9.x/3")
        await page.press("#override-code", "Enter")
        await page.wait_for_selector("#why[aria-invalid]")
        assert presented(terminal) == []
        await page.fill("#why", "核对了身份证")
        await page.press("#why", "Enter")
        await page.wait_for_selector(".result")

        [body] = presented(terminal)
        assert (body["code"], body["override"]) == (SCAN, {"by": "王芳", "why": "核对了身份证"})

    async def test_a_wrong_pin_is_said_and_the_field_is_empty(self, open_screen):
        page = await open_screen("staff")
        await page.wait_for_selector("#person option", state="attached")
        await page.fill("#pin", "111222")
        await page.press("#pin", "Enter")

        await page.wait_for_selector("#pin[aria-invalid]")
        assert await page.input_value("#pin") == ""
        assert "不对" in await page.locator("#pin-problem").inner_text()

    async def test_a_rest_that_waits_is_paid_with_its_very_sum(self, open_screen, terminal):
        terminal.awaiting = 3_000
        page = await open_screen("staff")
        await page.wait_for_selector("#due li")

        await page.locator("#due button").click()
        await page.click("#due .armed")
        await page.wait_for_function("!document.querySelector('#due .sure')")

        [body] = [body for path, body in terminal.posted if path.endswith("/paid")]
        assert body["amount_fen"] == 3_000
        assert body["order"]


async def unlock(page, person):
    await page.wait_for_selector("#person option", state="attached")
    await page.select_option("#person", person)
    await page.fill("#pin", terminal_like.PIN)
    await page.press("#pin", "Enter")
    await page.wait_for_selector("#unlocked:not([hidden])")
