"""The screens in a real Chromium: what a visitor sees, and what nobody must ever see."""

import itertools
import time

import cv2
import numpy as np
import pytest
import zxingcpp

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

SIZES = [(1920, 1080), (1280, 800), (1080, 1920), (390, 844)]
OUTCOMES = {"grant": "GRANT", "standard": "STANDARD", "refer": "REFER", "refuse": "REFUSE"}


async def waiting(page):
    await page.wait_for_selector('body[data-view="waiting"]')


class TestGate:
    async def test_no_two_outcomes_share_colour_outline_or_words(self, open_screen, terminal):
        page = await open_screen("gate")
        await waiting(page)
        looks = []

        for name, outcome in OUTCOMES.items():
            terminal.show(name)
            result = page.locator(f".result.{outcome}")
            await result.wait_for()
            looks.append(
                await result.evaluate(
                    "n => [getComputedStyle(n).backgroundColor, n.querySelector('svg').innerHTML,"
                    " n.querySelector('h1').innerText]"
                )
            )

        assert [len(set(column)) for column in zip(*looks, strict=True)] == [4, 4, 4]

    async def test_money_goes_from_list_price_by_reduction_to_what_is_to_pay(self, open_screen, terminal):
        page = await open_screen("gate")
        await waiting(page)

        terminal.show("half")
        await page.wait_for_selector(".result.GRANT")

        figures = await page.locator(".money b").all_inner_texts()
        assert figures == ["¥60.00", "−¥30.00", "¥30.00"]
        assert (
            await page.locator(".money .list b").evaluate("n => getComputedStyle(n).textDecorationLine")
            == "line-through"
        )

    async def test_a_denial_shows_every_reason_at_once_and_where_to_appeal(self, open_screen, terminal):
        page = await open_screen("gate")
        await waiting(page)

        terminal.show("many")
        await page.wait_for_selector(".result.STANDARD")

        assert await page.locator(".reasons li").count() == 4
        for reason in await page.locator(".reasons li").all():
            box = await reason.bounding_box()
            assert box["y"] + box["height"] <= 800
        picture = await page.locator(".appeal .qr").screenshot()
        [code] = zxingcpp.read_barcodes(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE))
        assert code.text == "https://yunxi.example/appeal"

    async def test_a_public_screen_names_no_measure_and_no_authority(self, open_screen, terminal):
        page = await open_screen("gate")
        await waiting(page)

        terminal.show("refuse")
        await page.wait_for_selector(".result.REFUSE")

        said = await page.locator("#stage").inner_text()
        assert "对您受限" in said.replace("\u200b", "")
        for part in ("云溪市文化和旅游局", "第二十三条", "2026-12-31", "限制措施"):
            assert part not in said

    async def test_where_the_lane_says_full_a_measure_names_authority_basis_end_and_remedy(self, open_screen, terminal):
        terminal.status = {"lanes": [{"id": "A", "scene": "gate", "camera": True, "notice": "full"}]}
        page = await open_screen("gate")
        await waiting(page)

        terminal.show("refuse")
        await page.wait_for_selector(".result.REFUSE")

        said = await page.locator(".reasons").inner_text()
        for part in ("云溪市文化和旅游局", "第二十三条", "2026-12-31", "信用修复"):
            assert part in said
        assert await page.locator(".money").count() == 0

    async def test_a_result_stays_three_seconds_and_goes(self, open_screen, terminal):
        page = await open_screen("gate", still=True)
        await waiting(page)

        terminal.show("grant")
        await page.wait_for_selector(".result.GRANT")
        await page.clock.run_for(2_999)
        assert await page.locator(".result.GRANT").count() == 1
        await page.clock.run_for(1)

        await waiting(page)
        assert await page.locator(".result").count() == 0

    async def test_a_status_in_between_does_not_start_the_three_seconds_anew(self, open_screen, terminal):
        page = await open_screen("gate", still=True)
        await waiting(page)
        terminal.show("grant")
        await page.wait_for_selector(".result.GRANT")
        await page.evaluate("document.querySelector('.result').dataset.mine = 'same node'")
        await page.clock.run_for(2_000)

        terminal.status = {"unsent": 7}
        await page.locator("#unsent", has_text="7").wait_for()

        assert await page.locator(".result").get_attribute("data-mine") == "same node"
        await page.clock.run_for(999)
        assert await page.locator(".result").count() == 1
        await page.clock.run_for(1)
        await waiting(page)

    async def test_the_next_scan_takes_the_place_of_the_last_one_at_once(self, open_screen, terminal):
        page = await open_screen("gate")
        await waiting(page)

        terminal.show("grant")
        await page.wait_for_selector(".result.GRANT")
        terminal.show("standard")
        await page.wait_for_selector(".result.STANDARD")

        assert await page.locator(".result").count() == 1

    async def test_no_green_outlives_its_terminal(self, open_screen, terminal):
        page = await open_screen("gate")
        await waiting(page)
        terminal.show("grant")
        await page.wait_for_selector(".result.GRANT")

        await terminal.close()
        await page.wait_for_selector(".message.lost")

        assert await page.locator(".result").count() == 0

    async def test_a_terminal_that_falls_silent_is_a_lost_one(self, open_screen, terminal):
        page = await open_screen("gate")
        await waiting(page)

        terminal.silent = True
        await page.wait_for_selector(".message.lost", timeout=15_000)

    async def test_an_answer_of_long_ago_is_never_shown(self, open_screen, terminal):
        page = await open_screen("gate")
        await waiting(page)

        terminal.show("grant", at_ms=int(time.time() * 1000) - 60_000)
        terminal.show("refuse")
        await page.wait_for_selector(".result")

        assert await page.locator(".result").get_attribute("data-outcome") == "REFUSE"

    async def test_another_lanes_answer_is_not_shown_here(self, open_screen, terminal):
        page = await open_screen("gate")
        await waiting(page)

        terminal.show("grant", lane="B")
        terminal.show("refuse")
        await page.wait_for_selector(".result")

        assert await page.locator(".result").get_attribute("data-outcome") == "REFUSE"

    async def test_a_waiting_gate_shows_the_site_s_code_its_grade_and_its_pledge(self, open_screen, terminal):
        page = await open_screen("gate")
        await waiting(page)

        assert await page.locator(".grade b").inner_text() == "AAA"
        assert "明码实价" in await page.locator(".pledge p").inner_text()
        assert await page.locator("svg.qr, .qr svg, figure svg").count() > 0

    async def test_a_terminal_that_is_not_ready_says_so_and_why(self, open_screen, terminal):
        terminal.status = {"ready": False}
        page = await open_screen("gate")

        await page.wait_for_selector(".message.not_ready .detail")

        assert "没有发行密钥" in await page.locator(".detail").inner_text()
        assert "时钟" not in await page.locator(".detail").inner_text()

    async def test_a_wrong_token_is_told_and_shows_nothing_else(self, open_screen):
        page = await open_screen("gate", token="wrong")

        await page.wait_for_selector(".message.forbidden")

    async def test_a_payment_code_gets_a_friendly_word(self, open_screen, terminal):
        page = await open_screen("gate")
        await waiting(page)

        terminal.tell("notice", {"lane": "A", "code": "not_a_code"})
        await page.wait_for_selector(".message.notice")

        assert "付款码" in await page.locator(".message.notice").inner_text()

    async def test_the_language_can_be_switched_while_an_answer_is_shown(self, open_screen, terminal):
        page = await open_screen("gate")
        await waiting(page)
        terminal.show("grant")
        await page.wait_for_selector(".result.GRANT")
        assert await page.locator(".result h1").inner_text() == "请通行"

        await page.click("#language")

        assert await page.locator(".result h1").inner_text() == "Welcome, please pass"
        assert await page.locator("html").get_attribute("lang") == "en"

    @pytest.mark.parametrize("lang", ["zh", "en"])
    async def test_nothing_is_cut_off_on_any_screen(self, open_screen, terminal, lang):
        page = await open_screen("gate", lang=lang)
        await waiting(page)

        for (width, height), name in itertools.product(SIZES, ("refuse", "half")):
            await page.set_viewport_size({"width": width, "height": height})
            terminal.show(name)
            await page.wait_for_selector(f'.result[data-outcome="{"REFUSE" if name == "refuse" else "GRANT"}"]')
            spill = await page.evaluate(
                "() => { const r = document.querySelector('.result');"
                " return [r.scrollWidth - r.clientWidth, r.scrollHeight - r.clientHeight,"
                " document.documentElement.scrollWidth - innerWidth]; }"
            )
            assert max(spill) <= 1, (width, height, name, spill)


class TestStrip:
    async def test_a_hand_scanner_types_into_the_code_field_wherever_the_focus_is(self, open_screen, terminal):
        page = await open_screen("gate")
        await waiting(page)

        await page.keyboard.type("XG1: A$B 9")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".result")

        [(path, body)] = terminal.posted
        assert path == "/v1/present"
        assert (body["code"], body["intent"], body["lane"], body["ticket"]) == ("XG1: A$B 9", "enter", "A", "adult")
        assert body["request_id"]

    async def test_undo_last_asks_once_more_and_gives_the_use_back(self, open_screen, terminal):
        page = await open_screen("gate")
        await waiting(page)
        terminal.show("grant")
        await page.wait_for_selector("#undo:not(:disabled)")

        await page.click("#undo")
        assert terminal.posted == []
        await page.click("#undo.armed")
        await page.wait_for_selector("#toast.on")

        assert terminal.posted == [("/v1/redemptions/0193-a/annul", {})]

    async def test_a_display_token_shows_no_field_and_no_undo(self, open_screen, terminal):
        terminal.may_act = False
        page = await open_screen("gate")

        await page.wait_for_selector("#strip.readonly")

        assert not await page.locator("#code").is_visible()
        assert not await page.locator("#undo").is_visible()

    async def test_a_terminal_without_network_says_so_and_counts_what_is_unsent(self, open_screen, terminal):
        terminal.status = {"offline": True, "unsent": 12}
        page = await open_screen("gate")
        await waiting(page)

        assert "断网" in await page.locator("#net").inner_text()
        assert "12" in await page.locator("#unsent").inner_text()


class TestCounter:
    async def test_the_amount_goes_in_and_discount_and_total_come_out(self, open_screen, terminal):
        terminal.answer = terminal.shows["buy"]
        page = await open_screen("counter")
        await waiting(page)

        await page.fill("#amount", "128.8")
        await page.fill("#code", "XG1:ABC")
        await page.press("#code", "Enter")
        await page.wait_for_selector(".result.GRANT")

        [(_path, body)] = terminal.posted
        assert (body["intent"], body["amount_fen"]) == ("buy", 12_880)
        assert await page.locator(".money b").all_inner_texts() == ["¥128.80", "−¥12.88", "¥115.92"]

    async def test_the_ordinary_price_can_be_read(self, open_screen, terminal):
        page = await open_screen("counter")
        await waiting(page)
        terminal.show("standard", "counter", amount_fen=3_000)
        await page.wait_for_selector(".result.STANDARD .money.plain")

        colours = await page.evaluate(
            "() => { const m = document.querySelector('.money.plain'), s = getComputedStyle(m);"
            " return [s.color, s.backgroundColor]; }"
        )

        assert colours == ["rgb(255, 255, 255)", "rgba(0, 0, 0, 0.15)"]

    async def test_a_code_before_the_amount_waits_for_it(self, open_screen, terminal):
        page = await open_screen("counter")
        await waiting(page)

        await page.keyboard.type("XG1:ABC")
        await page.keyboard.press("Enter")
        assert terminal.posted == []
        await page.keyboard.type("88")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".result")

        [(_path, body)] = terminal.posted
        assert (body["code"], body["amount_fen"]) == ("XG1:ABC", 8_800)

    async def test_an_answer_turns_into_a_colourless_receipt(self, open_screen, terminal):
        page = await open_screen("counter")
        await waiting(page)

        terminal.show("buy", "counter")
        await page.wait_for_selector('body[data-fresh="true"] .result')
        green = await page.locator(".result").evaluate("n => getComputedStyle(n).backgroundColor")
        await page.wait_for_selector('body[data-fresh="false"] .result')

        assert await page.locator(".result").evaluate("n => getComputedStyle(n).backgroundColor") != green
        assert await page.locator(".money .pay b").inner_text() == "¥115.92"


class TestDesk:
    async def test_check_in_sends_room_and_deposit(self, open_screen, terminal):
        page = await open_screen("desk")
        await waiting(page)

        await page.fill("#room", "308")
        await page.fill("#code", "XG1:ABC")
        await page.press("#code", "Enter")
        await page.wait_for_selector(".result")

        [(_path, body)] = terminal.posted
        assert (body["intent"], body["asset"], body["amount_fen"]) == ("open", "308", 6_000)

    async def test_open_stays_are_listed_and_can_be_checked_out(self, open_screen, terminal):
        page = await open_screen("desk")
        await page.wait_for_selector("#stays li >> nth=2")
        assert await page.locator("#stays .late").count() == 1

        leave = page.locator("#stays li").first.locator("button.main")
        await leave.click()
        await page.click("#stays .armed")
        await page.wait_for_selector("#toast.on")

        assert terminal.posted == [("/v1/redemptions/r308/close", {})]

    async def test_a_claim_takes_an_amount(self, open_screen, terminal):
        page = await open_screen("desk")
        await page.wait_for_selector("#stays li >> nth=2")

        await page.locator("#stays li").first.locator("button", has_text="扣赔").click()
        await page.fill(".claim input", "35.5")
        await page.press(".claim input", "Enter")
        await page.click(".claim .armed")
        await page.wait_for_selector("#toast.on")

        assert terminal.posted == [("/v1/redemptions/r308/claim", {"amount_fen": 3_550})]


class TestQr:
    async def test_every_size_that_is_drawn_can_be_read(self, open_screen):
        page = await open_screen("gate")
        texts = ["https://a.example/" + "x" * length for length in (0, 14, 40, 70, 100, 130, 160, 190)] + ["信关"]

        drawn = await page.evaluate(
            "async (texts) => { const { modules } = await import('/static/qr.js'); return texts.map(modules); }", texts
        )

        for text, dark in zip(texts, drawn, strict=True):
            picture = np.kron(np.pad(np.where(np.array(dark), 0, 255), 4, constant_values=255), np.ones((6, 6)))
            [code] = zxingcpp.read_barcodes(picture.astype(np.uint8))
            assert code.text == text
