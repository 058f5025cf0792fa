"""S22: the box dies with facts on its card, a new one takes its place, and the old one is plugged in again."""

import json
import subprocess
import sys
import time

import aiohttp

from central.demo.running.processes import free_ports
from central.demo.running.proxy import CuttableProxy
from central.demo.running.terminal_link import TerminalLink
from central.demo.street import town as street

FIVE_MINUTES_S = 300


def command(module, *words, **options):
    done = subprocess.run(
        [sys.executable, "-P", "-m", module, *map(str, words)], capture_output=True, text=True, **options
    )
    assert "Traceback" not in done.stderr
    return done


def box(town, name, port):
    """Another machine for the same post."""
    folder = town.folder / name
    folder.mkdir()
    return TerminalLink(street.GATE, folder, port, town.gate._session)


async def serve(town, link, data):
    link.data = data
    config = link.configuration(platform=town.network_url, source=None, actuator=None)
    link.config.write_text(config)
    await link.process.start()
    await town.until((data / "api-tokens.json").exists)
    link.tokens = json.loads((data / "api-tokens.json").read_bytes())


async def lines(link):
    async with link._session.get(f"{link.url}/readyz") as answer:
        return {one["name"]: one for one in (await answer.json())["checks"]}


async def test_a_box_is_swapped_its_card_is_rescued_and_the_old_one_says_that_it_was_replaced(xinguan_town, tmp_path):
    town = xinguan_town
    await town.gate.start()
    known, unknown = town.visitors.resident(town.now_s()), town.visitors.resident(town.now_s())
    first = await town.gate.present(known.code(town.now_s()), intent="enter", ticket="adult")
    await town.all_arrived()
    town.network.cut()
    second = await town.gate.present(unknown.code(town.now_s()), intent="enter", ticket="adult")
    assert second["outcome"] == "GRANT"
    await town.gate.process.pull_the_plug()
    await town.until(lambda: not town.gate.process.alive)
    town.network.restore()

    # Five minutes of commands: a code, enrol, start, ready.
    began = time.monotonic()
    ports = free_ports(2)
    new = box(town, "new-box", ports[0])
    new.config.write_text(new.configuration(platform=town.network_url, source=None, actuator=None))
    await new.enrol(await town.platform.code_for(street.GATE, platform=town.network_url))
    await new.start()
    took_s = time.monotonic() - began
    print(f"a code, enrol, start, ready: {took_s:.1f} s")
    assert took_s < FIVE_MINUTES_S
    again = await new.present(known.code(town.now_s()), intent="enter", ticket="adult")
    assert (again["outcome"], again["reasons"][0]["code"]) == ("STANDARD", "limit_used")

    # The card of the dead box, read on another machine.
    export = tmp_path / "card.xgj"
    exported = command("edge.cli", "journal", "export", "--sealed", export, "--data", town.gate.data)
    assert exported.returncode == 0, exported.stderr
    words = ("journal", "import", export, "--state", town.platform.state)
    imported, again = command("central", *words), command("central", *words)
    assert (imported.returncode, again.returncode) == (0, 0), imported.stderr
    assert "0 new" not in imported.stdout
    assert "0 new" in again.stdout
    told = await town.platform.ledger()
    assert {one["redemption"] for one in told["redemptions"]} == {first["redemption"], second["redemption"]}

    # The visitor whose fact came by the card is not served again either.
    late = await new.present(unknown.code(town.now_s()), intent="enter", ticket="adult")
    assert (late["outcome"], late["reasons"][0]["code"]) == ("STANDARD", "limit_used"), late

    # Somebody plugs the old box in again.
    old = box(town, "old-box", ports[1])
    await serve(town, old, town.gate.data)
    await town.until(lambda: _is_replaced(old))
    refused = await old.present(town.visitors.resident(town.now_s()).code(town.now_s()), intent="enter", ticket="adult")
    served = await new.present(town.visitors.resident(town.now_s()).code(town.now_s()), intent="enter", ticket="adult")

    assert [one["code"] for one in refused["reasons"]] == ["terminal_suspended"]
    assert served["outcome"] == "GRANT"
    await old.process.stop()
    await new.process.stop()


async def _is_replaced(link):
    try:
        line = (await lines(link))["suspended"]
    except (OSError, aiohttp.ClientError):
        return False
    return line["level"] == "bad" and "接替" in line["zh"]


async def test_a_platform_that_moved_is_found_by_a_new_address_and_nobody_is_enrolled_again(xinguan_town):
    town = xinguan_town
    await town.gate.start()
    await town.all_arrived()
    town.network.cut()  # nobody is at the old address any more
    waits = await town.gate.present(town.visitors.resident(town.now_s()).code(town.now_s()), intent="enter")
    assert waits["outcome"] == "GRANT"
    await town.gate.process.stop()

    async with CuttableProxy(int(town.platform.url.rpartition(":")[2])) as moved:
        text = town.gate.config.read_text()
        town.gate.config.write_text(text.replace(town.network_url, f"http://127.0.0.1:{moved.port}"))
        await town.gate.start()
        arrived = await town.all_arrived()
        await town.gate.process.stop()

    assert (arrived.lost, arrived.duplicated, arrived.unsent) == (0, 0, 0)
    booked = (await town.platform.ledger())["redemptions"]
    assert [one["redemption"] for one in booked] == [waits["redemption"]]
