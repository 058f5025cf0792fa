"""The money of the report over random lives of redemptions, with everything that may become of them at the platform.

Terminals are moved between sites, facts come late and elsewhere, bounds are overrun and finance settles the conflicts,
and every grant gets verdicts, some of them twice. What the report says is then summed again from the facts, the newest
verdict of each grant and nothing else.
"""

import json
import random
from collections import Counter, defaultdict
from datetime import date

import pytest
from drawn_lives import NOW, SITES, a_grant, a_life, from_report, from_scratch
from office_town import CITY, Office, person

from central.books.bounds import Bounds
from central.books.settling.half_year import half_year
from central.office import conflicts
from central.proofs.judging import Judged, Verdict
from central.proving.cases import Standing, doubts
from central.proving.settle import settle
from central.register.enrolment import make_code

HOUR_MS = 3_600_000
FINAL = (Verdict.PROVED, Verdict.VOUCHED, Verdict.UNPROVED, Verdict.DISPROVED)
DAYS = {"first": date(2026, 9, 1), "last": date(2026, 10, 10), "zone": "Asia/Shanghai"}
GRANTED = {"granted", "opened"}


class Life:
    """A drawn month of three terminals: what they write, where they are moved to, what is judged and settled."""

    def __init__(self, seed, terminals):
        self.rng, self.terminals = random.Random(seed), terminals
        self.queues, self.facts = {one: [] for one in terminals}, []
        self.seen, self.judged, self.places = {}, {}, {}
        for number in range(40):
            self.draw(f"r{number}")

    def draw(self, name):
        rng, own = self.rng, self.rng.choice(self.terminals)
        body, at_ms = a_grant(rng, rng.choice(SITES)), NOW + rng.randrange(48) * HOUR_MS
        if rng.random() < 0.9:
            body["proof"] = rng.randbytes(32).hex()
        if rng.random() < 0.5:
            key = f"u|{CITY}/first@site:gate|subject:{CITY}:{rng.randrange(4):02d}|ever"
            body["uses"] = [{"key": key, "n": 1, "max": 2}]
        told = [(own, (rng.choice(sorted(GRANTED)), name, body, at_ms))]
        for kind, said in a_life(rng, body):
            told.append((rng.choice([own, own, rng.choice(self.terminals)]), (kind, name, said, at_ms + 1)))
        for terminal, fact in told:
            self.queues[terminal].append(fact)
            self.facts.append(fact)

    async def goes_on(self, books, profile):
        """Let one terminal bring a few facts, or be moved to another site."""
        terminal = self.rng.choice([one for one in self.terminals if self.queues[one]])
        if self.rng.random() < 0.3:
            where = profile(self.rng.choice(SITES))
            await books.write(lambda tx: make_code(tx, terminal=terminal.terminal, profile=where, now_ms=NOW))
        size = self.rng.randrange(1, 9)
        batch, self.queues[terminal] = self.queues[terminal][:size], self.queues[terminal][size:]
        await terminal.bring(*batch, now_ms=NOW + self.rng.randrange(96) * HOUR_MS)

    async def judge(self, books, *, all_of_them=False):
        """Give what is due a verdict, and some of what was judged another one."""
        self.seen |= {one.place: one for one in await books.read(lambda tx: doubts(tx, now_ms=2**60))}
        due = [one for one in self.seen.values() if one.place not in self.judged] if all_of_them else []
        some = self.rng.sample(sorted(self.seen.values(), key=lambda one: one.place), k=min(4, len(self.seen)))
        for read in [*due, *some]:
            one, verdict = await as_it_stands(books, read), self.rng.choice(FINAL)
            await books.write(
                lambda tx, one=one, verdict=verdict: settle(tx, [(one, Judged(verdict, "drawn"))], Bounds(), now_ms=NOW)
            )
            self.judged[one.place] = verdict

    async def judge_again(self, books):
        """What stands again after it did not is due once more, and gets the verdict that it had."""
        for one in await books.read(lambda tx: doubts(tx, now_ms=2**60)):
            verdict = self.judged[one.place]
            await books.write(
                lambda tx, one=one, verdict=verdict: settle(tx, [(one, Judged(verdict, "drawn"))], Bounds(), now_ms=NOW)
            )


async def as_it_stands(books, doubt):
    """Read a grant again: a verdict about one that changed since is not written, and given in the next round."""
    sql = "SELECT account, verdict, settles, apart, keys FROM redemptions WHERE redemption = $1 AND terminal = $2"
    [(*standing, keys)] = await books.read(lambda tx: tx.rows(sql, doubt.place.redemption, doubt.place.terminal))
    return doubt._replace(before=Standing(*standing), keys=json.loads(keys))


def expected(life, settles):
    """Return the figures of verdicts by site and issuer, from the facts and the newest verdicts alone."""
    of, found = defaultdict(list), Counter()
    for fact in life.facts:
        of[fact[1]].append(fact)
    verdicts = {place.redemption: verdict.value for place, verdict in life.judged.items()}
    for name, told in of.items():
        body = next(body for kind, _name, body, _at in told if kind in GRANTED)
        where = body["site"], body["issuer"]
        verdict = verdicts.get(name, "waiting" if "proof" in body else "unproved")
        found[*where, verdict] += verdict != "waiting"
        if settles[name]:
            found[*where, "settled"] += 1
            found[*where, "money"] += from_scratch(told).get((*where, "stands"), 0)
    return {key: figure for key, figure in found.items() if figure}


def reported(report):
    found = Counter()
    for line in report.lines:
        where = line.site, line.issuer
        found[*where, "money"] += line.settled_off_fen + line.settled_waived_fen + line.settled_later_fen
        for name in ("proved", "vouched", "unproved", "disproved", "settled") if line.benefit == "b0" else ():
            found[*where, name] += getattr(line, name)
    return {key: figure for key, figure in found.items() if figure}


@pytest.mark.parametrize("seed", range(3))
async def test_what_settles_is_the_sum_over_facts_and_verdicts_whoever_moved_came_late_or_overran(
    books, journal, placed, seed, tmp_path
):
    life = Life(seed, [await journal(f"t{number}", SITES[number]) for number in range(3)])
    while any(life.queues.values()):
        await life.goes_on(books, placed)
        if life.rng.random() < 0.5:
            await life.judge(books)
    await life.judge(books, all_of_them=True)
    await life.judge_again(books)

    told = await books.read(lambda tx: half_year(tx, **DAYS))
    rows = await books.read(lambda tx: tx.rows("SELECT redemption, settles, keys FROM redemptions"))
    settles = {name: bool(one) for name, one, _keys in rows}
    assert from_report(told) == from_scratch(life.facts)
    assert reported(told) == expected(life, settles)
    check_which_settle(life, settles)

    office, finance = Office(tmp_path / "state", books), person("finance")
    listed = await books.read(lambda tx: conflicts.listed(tx, CITY))
    for one in listed:
        decision = life.rng.choice(list(conflicts.TITLES))
        await office.call(finance, "settle-conflict", city=CITY, key=one.key, decision=decision)
    assert len(listed) > 0
    assert all(one.decision for one in await books.read(lambda tx: conflicts.listed(tx, CITY)))
    assert (await books.read(lambda tx: half_year(tx, **DAYS))).lines == told.lines


def check_which_settle(life, settles):
    """Of what nothing bounds, exactly what stands with a good verdict settles; of a bound, no more than it says."""
    of, spent = defaultdict(list), Counter()
    for kind, name, body, _at in life.facts:
        of[name].append((kind, body))
    good = {place.redemption for place, verdict in life.judged.items() if verdict.good}
    for name, told in of.items():
        body = next(body for kind, body in told if kind in GRANTED)
        kinds = Counter(kind for kind, _body in told)
        unpaid = all(one.get("cause") == "unpaid" for kind, one in told if kind == "annulled")
        lapsed = kinds["annulled"] and not kinds["passed"] and not (unpaid and kinds["paid"])
        stands = not lapsed and not any(kind == "reversed" and one["whole"] for kind, one in told)
        if "uses" not in body:
            assert settles[name] == (stands and name in good), name
        assert not settles[name] or (stands and name in good), name
        spent[body["uses"][0]["key"] if "uses" in body else ""] += settles[name]
    assert all(many <= 2 for key, many in spent.items() if key)
