"""A decision vector in the names of the town: who sits where, when it plays, and whom its visitors are.

A vector has terminals at one site or two. The site of most of them has the hub here; who stands at another, or has a
merchant's grade of its own, sits at the lake. Everything else is renamed so that vectors share a stage: subjects,
benefits and their codes are a vector's own, and its days are moved behind those that were played.
"""

import json
import re
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path

from central.demo.street import town
from tests.town.staged.stage import LAKE

VECTORS = Path(__file__).parents[2] / "vectors" / "decisions"
AT_HUB, ELSEWHERE = ("gate-1", "gate-2"), "lake-1"
CITIES = {"wulong": town.CITY, "chongqing": town.PARTNER}
SCENE = "of-vectors-"  # too far from a known scene to be taken for a slip
DATE = re.compile(r"\b\d{4}-\d\d-\d\d(?=T|\b)")
OWN_NAMES = ("expect", "terminal", "reach", "catalogue")  # of a step: told in the vector's own names until it is played
LISTS = {"ages": "list_ages", "site_sets": "sites"}


def load(name):
    return json.loads((VECTORS / f"{name}.json").read_text())


def of_two_terminals():
    """Return the names of all vectors in which somebody shows something at more than one terminal."""
    found = []
    for path in sorted(VECTORS.glob("*.json")):
        shows = [step for step in json.loads(path.read_text())["steps"] if "event" not in step]
        if len({step["terminal"] for step in shows}) > 1:
            found.append(path.stem)
    return found


def seats(vector):
    """Return terminal -> seat."""
    places = vector["terminals"]
    many = Counter(place["site"] for place in places.values() if "merchant_tier" not in place).most_common(1)[0][0]
    here = [name for name, place in places.items() if place["site"] == many and "merchant_tier" not in place]
    found = {name: AT_HUB[min(number, 1)] for number, name in enumerate(here)}
    return {name: found.get(name, ELSEWHERE) for name in places}


def lane(place):
    return {"id": f"{place['scene']}-{place['lane']}", "scene": f"{SCENE}{place['scene']}"}


def lanes():
    """Return what lanes each seat needs for all vectors."""
    found = {seat: {} for seat in (*AT_HUB, ELSEWHERE)}
    for vector in map(load, of_two_terminals()):
        for name, seat in seats(vector).items():
            one = lane(vector["terminals"][name])
            found[seat][one["id"]] = one
    return {seat: list(ones.values()) for seat, ones in found.items()}


class Cast:
    """A vector as it is played here: `catalogue`, `lists`, `steps`, and how its answers are told in its own names."""

    def __init__(self, name, number, after):
        vector = load(name)
        first = datetime.fromisoformat(vector["steps"][0]["at"])
        self._days = (after.astimezone(first.tzinfo).date() - first.date()).days + 1
        self.seats, self._places = seats(vector), vector["terminals"]
        self._sites = {
            place["site"]: LAKE if self.seats[name] == ELSEWHERE else town.SITE
            for name, place in sorted(self._places.items(), key=lambda one: self.seats[one[0]] != ELSEWHERE)
        }
        self._number = number
        self.counts_inside = "occupancy" in json.dumps(vector["catalogue"])
        self.lists = {LISTS[one]: {one: vector[one]} for one in LISTS if one in vector}
        tiers = [one["merchant_tier"] for one in self._places.values() if "merchant_tier" in one]
        self.graded = {LAKE: tiers[0]} if tiers else {}
        self.catalogue = self.benefits(vector["catalogue"])
        codes = vector.get("measures", {}).get("codes")
        self.measures = codes and {code: {"basis": "《信用条例》"} | one for code, one in codes.items()}
        self.steps = [self._step(step) for step in vector["steps"]]

    def _moved(self, found):
        return (date.fromisoformat(found[0]) + timedelta(days=self._days)).isoformat()

    def renamed(self, value, key=""):
        """Return JSON of the vector with the town's cities, sites and scenes, and on the days on which it plays."""
        if isinstance(value, dict):
            return {name: self.renamed(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [self.renamed(one, key) for one in value]
        return self._word(value, key) if isinstance(value, str) else value

    def _word(self, value, key):
        if key in ("issuer", "issuers"):
            return CITIES[value]
        if key in ("site", "sites"):
            return self._sites[value]
        if key == "asset":
            return self.subject(value)
        return f"{SCENE}{value}" if key == "scenes" else DATE.sub(self._moved, value)

    def _step(self, step):
        own = {name: one for name, one in step.items() if name in OWN_NAMES}
        return self.renamed({name: one for name, one in step.items() if name not in OWN_NAMES}) | own

    def benefits(self, catalogue):
        """Return benefits as the city publishes them here."""
        found = self.renamed(catalogue)
        for one in found:
            one["id"], one["code"] = f"v{self._number}-{one['id']}", self._number * 1_000 + one["code"]
            if self.graded:
                one["where"]["sites"] = [town.SITE, LAKE]
        return found

    def lane(self, terminal):
        return lane(self._places[terminal])["id"]

    def in_its_words(self, answer):
        """Return an answer with the benefits called as the vector calls them."""
        return json.loads(json.dumps(answer, ensure_ascii=False).replace(f"v{self._number}-", ""))

    def subject(self, name):
        return f"v{self._number}-{name}"

    def everywhere(self, named):
        """Return the seats that a step names: one terminal, several, or all."""
        names = self.seats if named == "all" else [named] if isinstance(named, str) else named
        return list(dict.fromkeys(self.seats[one] for one in names))
