"""A merchant's own offers in the store: changes are rows and facts, stock counts on, signed ones keep their place."""

import pytest

from cache.ids import uuid7
from cache.journal import chain
from cache.offers import changes
from cache.offers.changes import KEEP, MAX_IN_FORCE, CannotChangeError, Change, NoSuchOfferError, left
from cache.offers.own import LOCAL_CODES, OwnOffers, Shop, benefit_of, check_terms, offers_of, problem_of
from credit.inputs import Intent, Place
from credit.policy import Policy
from credit.rules.benefits import parse_benefits
from credit.rules.reading import CatalogueError
from storage.sqlite import memory

SHOP = Shop("tea-shop", "yunxi-town")
CHANGE = Change(shop=SHOP, issuer="yunxi", by="mei", at_ms=1_790_000_000_000, ids=uuid7)
TEN_OFF = {"title": {"zh": "本店九折"}, "offer": {"kind": "percent", "percent_off": 10}}
TEA = {"title": {"zh": "赠茶", "en": "A cup of tea"}, "offer": {"kind": "gift", "item": "tea"}}
STOCK_KEY = "u|stock:yunxi/local.tea-shop.1:v{version}"


@pytest.fixture
def conn():
    made = memory()
    chain.begin_epoch(made, epoch="e1", terminal="tea-shop", reason="enrolled")
    return made


def written(conn, terms=TEN_OFF, *, number=None, stock=None, lane="C"):
    return changes.write(conn, CHANGE, changes.Wanted(terms=terms, lane=lane, stock=stock), number=number)


def given(conn, many, *, version=1):
    """Let the ledger's tally say that so many were given under this version."""
    key = STOCK_KEY.format(version=version)
    conn.execute("INSERT INTO tallies (key, n) VALUES (?, ?) ON CONFLICT DO UPDATE SET n = excluded.n", (key, many))


def remaining(conn):
    [offer] = offers_of(conn, SHOP).offers
    return left(conn, offer, issuer="yunxi", shop=SHOP)


def benefits(conn, signed=()):
    return offers_of(conn, SHOP).benefits(signed, issuer="yunxi", zone="Asia/Shanghai")


class TestReading:
    def test_it_is_a_local_benefit_of_this_site_and_lane_alone(self, conn):
        written(conn, TEA, stock=20)

        [benefit] = benefits(conn)

        assert (benefit.id, benefit.code, benefit.local) == ("local.tea-shop.1", LOCAL_CODES + 1, True)
        assert (benefit.offer.item, benefit.offer.stock) == ("tea", 20)
        policy = Policy.compile(benefits=[benefit])
        here = Place(site="yunxi-town", scene="shop", lane="C", terminal="tea-shop")
        assert [one.id for one in policy.offered(here, Intent.BUY)] == ["local.tea-shop.1"]
        assert policy.offered(Place(site="yunxi-town", scene="shop", lane="D", terminal="tea-shop"), Intent.BUY) == ()
        assert policy.offered(Place(site="elsewhere", scene="shop", lane="C", terminal="tea-shop"), Intent.BUY) == ()

    @pytest.mark.parametrize("kind", ["percent", "amount", "fixed_price"])
    def test_any_kind_a_shop_may_give_has_stock(self, conn, kind):
        member = {"percent": {"percent_off": 5}, "amount": {"off_fen": 500}, "fixed_price": {"price_fen": 900}}[kind]
        written(conn, {"title": {"zh": "优惠"}, "offer": {"kind": kind, **member}}, stock=3)

        assert benefits(conn)[0].offer.stock == 3

    @pytest.mark.parametrize(
        ("terms", "path", "mend"),
        [
            ({"offer": {"kind": "percent", "percent_off": 10}}, "$.title", "missing"),
            ({**TEN_OFF, "title": {"en": "only"}}, "$.title.zh", "missing"),
            ({**TEN_OFF, "offer": {"kind": "free"}}, "$.offer.kind", "gift, percent, amount, fixed_price"),
            ({**TEN_OFF, "offer": {"kind": "percent", "percent_off": 101}}, "$.offer.percent_off", "from 0 to 100"),
            ({**TEN_OFF, "offer": {"kind": "percent", "price_fen": 1}}, "$.offer.price_fen", "unknown here"),
            ({**TEN_OFF, "offer": {"kind": "gift", "item": "tea", "stock": 5}}, "$.offer.stock", "$.stock"),
            ({**TEN_OFF, "when": {"from": "tomorrow"}}, "$.when.from", "YYYY-MM-DD"),
            ({**TEN_OFF, "when": {"except": ["holidays"]}}, "$.when.except", "unknown here"),
            ({**TEN_OFF, "limits": [{"max": 1, "scope": "programme"}]}, "$.limits[0].scope", "unknown here"),
            ({**TEN_OFF, "limits": [{"max": -1}]}, "$.limits[0].max", "from 0"),
            ({**TEN_OFF, "where": {"sites": ["elsewhere"]}}, "$.where", "unknown here"),
            ({**TEN_OFF, "code": 1}, "$.code", "unknown here"),
        ],
    )
    def test_what_is_wrong_names_path_and_mend(self, conn, terms, path, mend):
        offer = written(conn, terms)

        with pytest.raises(CatalogueError) as wrong:
            benefit_of(offer, SHOP, issuer="yunxi", zone="Asia/Shanghai")

        assert wrong.value.path == path
        assert mend in str(wrong.value)

    def test_one_that_cannot_be_read_any_more_is_left_out_and_says_why(self, conn):
        broken = written(conn, {**TEN_OFF, "offer": {"kind": "percent", "percent_off": 200}})
        written(conn)

        assert [one.id for one in benefits(conn)] == ["local.tea-shop.2"]
        assert "percent_off" in problem_of(broken, SHOP, issuer="yunxi", zone="Asia/Shanghai")

    @pytest.mark.parametrize("taken", [{"id": "local.tea-shop.1", "code": 5}, {"id": "other", "code": LOCAL_CODES + 1}])
    def test_a_signed_benefit_of_the_same_name_or_code_keeps_its_place(self, conn, taken):
        signed = parse_benefits([{**taken, "issuer": "yunxi", "offer": {"kind": "free"}}])
        written(conn)

        assert benefits(conn, signed) == ()

    def test_nothing_may_hide_in_remarks(self):
        check_terms(TEN_OFF)
        assert OwnOffers(shop=SHOP).benefits((), issuer="yunxi", zone="Asia/Shanghai") == ()


class TestChanging:
    def test_each_change_is_a_row_and_a_fact(self, conn):
        written(conn, TEA, stock=5)
        written(conn, {**TEA, "title": {"zh": "赠热茶"}}, number=1, stock=KEEP)
        changes.withdraw(conn, CHANGE, number=1)
        changes.undo(conn, CHANGE, number=1)

        facts = [record for record in chain.records(conn) if record.kind == "local_offer"]
        assert [fact.body["change"] for fact in facts] == ["created", "edited", "withdrawn", "undone"]
        assert facts[1].body["terms"]["title"] == {"zh": "赠热茶"}
        assert facts[0].body | {"terms": None} == {
            "benefit": "local.tea-shop.1",
            "code": LOCAL_CODES + 1,
            "change": "created",
            "in_force": True,
            "version": 1,
            "stock": 5,
            "lane": "C",
            "terms": None,
            "by": "mei",
            "local": True,
        }
        assert conn.execute("SELECT count(*) FROM offer_changes").fetchone() == (4,)
        assert chain.verify(conn).seq == 4

    def test_withdrawn_it_is_no_benefit_and_undo_brings_it_back(self, conn):
        written(conn)
        changes.withdraw(conn, CHANGE, number=1)
        assert benefits(conn) == ()

        changes.undo(conn, CHANGE, number=1)

        assert [one.id for one in benefits(conn)] == ["local.tea-shop.1"]

    def test_undoing_a_new_offer_withdraws_it(self, conn):
        written(conn)

        changes.undo(conn, CHANGE, number=1)

        assert benefits(conn) == ()

    def test_an_undo_gives_the_old_terms_back_and_only_once(self, conn):
        written(conn, TEA)
        written(conn, TEN_OFF, number=1, stock=KEEP)

        undone = changes.undo(conn, CHANGE, number=1)

        assert undone.terms == TEA
        with pytest.raises(CannotChangeError, match="already"):
            changes.undo(conn, CHANGE, number=1)

    def test_a_new_title_leaves_the_stock_alone(self, conn):
        written(conn, TEA, stock=5)
        given(conn, 2)

        written(conn, {**TEA, "title": {"zh": "赠热茶"}}, number=1, stock=KEEP)

        assert remaining(conn) == 3

    def test_a_stock_that_is_named_counts_anew(self, conn):
        written(conn, TEA, stock=5)
        given(conn, 5)
        assert remaining(conn) == 0

        written(conn, TEA, number=1, stock=5)

        assert remaining(conn) == 5

    def test_undoing_a_restock_takes_off_what_was_given_meanwhile(self, conn):
        written(conn, TEA, stock=5)
        given(conn, 1)
        written(conn, TEA, number=1, stock=100)
        given(conn, 3, version=2)

        changes.undo(conn, CHANGE, number=1)

        assert remaining(conn) == 1

    def test_without_a_stock_there_is_no_end(self, conn):
        written(conn)

        assert remaining(conn) is None

    def test_what_is_not_there_or_gone_already_cannot_be_changed(self, conn):
        with pytest.raises(NoSuchOfferError):
            changes.withdraw(conn, CHANGE, number=1)
        written(conn)
        changes.withdraw(conn, CHANGE, number=1)
        with pytest.raises(CannotChangeError, match="withdrawn already"):
            changes.withdraw(conn, CHANGE, number=1)

    def test_a_shop_has_so_many_offers_and_no_more(self, conn):
        for _ in range(MAX_IN_FORCE):
            written(conn)

        with pytest.raises(CannotChangeError, match="withdraw one"):
            written(conn)
