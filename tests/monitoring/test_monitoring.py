"""What Prometheus makes of a terminal: names, rules, dashboard. promtool is its own judge (Debian: prometheus)."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edge.metrics import Metrics
from scanner.health import Health, State
from scanner.spec import parse_spec

FOLDER = Path(__file__).parents[2] / "systemd" / "monitoring"
RULES = FOLDER / "rules.yml"
ALERTS = re.findall(r"- alert: (\w+)", RULES.read_text("utf-8"))
_SPEC = importlib.util.spec_from_file_location("dashboard_maker", FOLDER / "make_dashboard.py")
maker = importlib.util.module_from_spec(_SPEC)
sys.modules["dashboard_maker"] = maker
_SPEC.loader.exec_module(maker)

needs_prometheus = pytest.mark.skipif(not shutil.which("promtool"), reason="prometheus is not on this machine")
ONE = 'job="xinguan", instance="gate1"'
LONG = "x300"
# Each alert: series of one minute's rhythm that make it fire, and when it is asked.
FIRES = {
    "XinguanTerminalAway": ([(f"up{{{ONE}}}", "0x10")], "5m"),
    "XinguanLineRed": ([(f'xinguan_line{{{ONE}, line="disk"}}', "2x10")], "5m"),
    "XinguanLineYellow": ([(f'xinguan_line{{{ONE}, line="disk"}}', "1x90")], "80m"),
    "XinguanFactsWait": (
        [(f"xinguan_unsent_facts{{{ONE}}}", "3x2000"), (f"xinguan_oldest_unsent_timestamp_seconds{{{ONE}}}", "1x2000")],
        "1600m",
    ),
    "XinguanListsOld": ([(f'xinguan_list_signed_timestamp_seconds{{{ONE}, list="y"}}', "1x3200")], "3000m"),
    "XinguanPlatformSilent": ([(f"xinguan_platform_answered_timestamp_seconds{{{ONE}}}", "1x90")], "80m"),
    "XinguanClockDoubtful": ([(f'xinguan_clock_state{{{ONE}, state="wrong"}}', "1x30")], "20m"),
    "XinguanDiskNearlyFull": ([(f"xinguan_disk_free_bytes{{{ONE}}}", "4e8x30")], "20m"),
    "XinguanDatabaseGrows": ([(f"xinguan_database_bytes{{{ONE}}}", "5e9x90")], "80m"),
    "XinguanReaderDown": ([(f'xinguan_scanner_ready{{{ONE}, lane="A"}}', "0x30")], "20m"),
    "XinguanReaderRestarts": ([(f'xinguan_scanner_restarts{{{ONE}, lane="A"}}', "0+1x30")], "20m"),
    "XinguanGateFaults": ([(f'xinguan_actuator_faults_total{{{ONE}, lane="A"}}', "0+1x30")], "20m"),
    "XinguanDecidesSlowly": (
        [
            (f'xinguan_stage_seconds_bucket{{{ONE}, stage="total", le="0.5"}}', "0+1x30"),
            (f'xinguan_stage_seconds_bucket{{{ONE}, stage="total", le="1.0"}}', "0+9x30"),
            (f'xinguan_stage_seconds_bucket{{{ONE}, stage="total", le="+Inf"}}', "0+9x30"),
        ],
        "20m",
    ),
    "XinguanStoreFails": (
        [(f'xinguan_decisions_total{{{ONE}, outcome="REFER", reason="store_failed"}}', "0+1x30")],
        "20m",
    ),
    "XinguanRestarts": ([(f"process_start_time_seconds{{{ONE}}}", "0+100x30")], "20m"),
    "XinguanVersionsDiffer": (
        [
            (f'xinguan_build_info{{{ONE}, version="1"}}', "1x11000"),
            ('xinguan_build_info{instance="b", version="2"}', "1x11000"),
        ],
        "10500m",
    ),
}
WELL = [
    (f"up{{{ONE}}}", "1x300"),
    (f'xinguan_line{{{ONE}, line="disk"}}', "0x300"),
    (f"xinguan_unsent_facts{{{ONE}}}", "0x300"),
    (f"xinguan_oldest_unsent_timestamp_seconds{{{ONE}}}", "0x300"),
    (f'xinguan_list_signed_timestamp_seconds{{{ONE}, list="y"}}', "0+60x300"),
    (f"xinguan_platform_answered_timestamp_seconds{{{ONE}}}", "0+60x300"),
    (f'xinguan_clock_state{{{ONE}, state="trusted"}}', "1x300"),
    (f'xinguan_clock_state{{{ONE}, state="wrong"}}', "0x300"),
    (f"xinguan_disk_free_bytes{{{ONE}}}", "9e9x300"),
    (f"xinguan_database_bytes{{{ONE}}}", "1e9x300"),
    (f'xinguan_scanner_ready{{{ONE}, lane="A"}}', "1x300"),
    (f'xinguan_scanner_restarts{{{ONE}, lane="A"}}', "1x300"),
    (f'xinguan_actuator_faults_total{{{ONE}, lane="A"}}', "2x300"),
    (f'xinguan_stage_seconds_bucket{{{ONE}, stage="total", le="0.5"}}', "0+9x300"),
    (f'xinguan_stage_seconds_bucket{{{ONE}, stage="total", le="+Inf"}}', "0+9x300"),
    (f'xinguan_decisions_total{{{ONE}, outcome="GRANT", reason="ok"}}', "0+9x300"),
    (f"process_start_time_seconds{{{ONE}}}", "7x300"),
    (f'xinguan_build_info{{{ONE}, version="1"}}', "1x300"),
]


@dataclass
class Camera:
    """What the figures ask of a lane's reader."""

    health: Health
    spec = parse_spec("v4l2:0")
    frame_age_s = 0.1


def figures(*, ill=False):
    """Return the figures of a terminal that has done a bit of everything; an ill one has something of each alert."""
    metrics, now = Metrics(), time.time()
    restarts = int(now) % 1000 if ill else 0  # another at each asking
    health = Health(
        name="v4l2:0",
        state=State.DOWN if ill else State.LIVE,
        fps=15.0,
        restarts=restarts,
        looks=4,
        looks_read=3,
        rss_bytes=1 << 26,
        tries={"whole": int(now) % 10_000},
        step_ms={"whole": now % 1e6},
    )
    metrics.watch({"A": Camera(health)})
    for outcome, reason, count in (
        ("GRANT", "ok", now % 1e6),
        ("STANDARD", "expired", 3),
        ("REFER", "store_failed", 0),
    ):
        metrics.decisions.labels(outcome, reason).inc(count if outcome == "GRANT" or not ill else now % 1e6)
    for stage in ("open_token", "settle", "total"):
        for _ in range(int(now) % 500):
            metrics.stages.observe(stage, 0.9 if ill else 0.002)
    metrics.actuator_faults.labels("A").inc(now % 1e6 if ill else 0)
    metrics.unsent.set(5 if ill else 0)
    metrics.oldest_unsent.set(now - 2 * 86_400 if ill else 0)
    metrics.lists.signed.labels("lists/yunling").set(now - (3 * 86_400 if ill else 60))
    metrics.answered.set(now - (7_200 if ill else 1))
    metrics.disk_free.set(1e8 if ill else 9e9)
    metrics.database.set(5e9 if ill else 1e6)
    metrics.clock.labels("trusted").set(not ill)
    metrics.clock.labels("wrong").set(ill)
    metrics.lines.labels("disk").set(2 if ill else 0)
    metrics.lines.labels("news").set(1 if ill else 0)
    text = metrics.text().decode()
    if ill:
        text = re.sub(r"^(process_start_time_seconds) .*", rf"\1 {now:.0f}", text, flags=re.MULTILINE)
    return text


def promtool(*words, **options):
    return subprocess.run(["promtool", *words], capture_output=True, text=True, **options)


@needs_prometheus
@pytest.mark.parametrize("ill", [False, True])
def test_every_figure_is_named_as_prometheus_names_them(ill):
    judged = promtool("check", "metrics", input=figures(ill=ill))

    assert (judged.returncode, judged.stdout + judged.stderr) == (0, "")


@needs_prometheus
def test_the_rules_are_rules():
    judged = promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)

    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert f"{len(ALERTS)} rules found" in judged.stdout


def asked(tmp_path, series, alert, at):
    """Let promtool play the series and say which alerts fire then. Days go by in steps of four minutes."""
    every = "1m" if int(at.removesuffix("m")) < 1_000 else "4m"
    listed = [{"series": name, "values": values} for name, values in series]
    case = {"eval_time": at, "alertname": alert, "exp_alerts": []}
    test = {"interval": every, "input_series": listed, "alert_rule_test": [case]}
    document = {"rule_files": [str(RULES)], "evaluation_interval": every, "tests": [test]}
    path = tmp_path / f"{alert}.yml"
    path.write_text(json.dumps(document))
    said = promtool("test", "rules", path)
    return said.returncode == 0, said.stdout + said.stderr


def test_each_alert_has_a_case():
    assert sorted(FIRES) == sorted(ALERTS)


@needs_prometheus
@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_fires_when_it_should_and_only_then(tmp_path, alert):
    series, at = FIRES[alert]

    fires = asked(tmp_path, series, alert, at)
    rests = asked(tmp_path, WELL, alert, "200m")

    assert not fires[0], f"nothing fired: {fires[1]}"
    assert f'alertname="{alert}"' in fires[1]
    assert rests == (True, rests[1]), rests[1]


def test_each_alert_and_line_says_its_mend_in_both_languages():
    for block in RULES.read_text("utf-8").split("- alert: ")[1:]:
        mend = re.search(r'mend: "(.*)"', block)[1]
        zh, en = re.split(r" · |；(?=[a-z])", mend, maxsplit=1)
        assert re.search(r"[\u4e00-\u9fff]|xinguan", zh), mend
        assert en


def test_the_dashboard_is_the_table_of_its_maker():
    assert (FOLDER / "dashboard.json").read_text("utf-8") == maker.written()


def test_rules_and_dashboard_ask_for_figures_that_there_are():
    told = set(re.findall(r"^(\w+)[{ ]", figures(ill=True), re.MULTILINE))
    asked_for = " ".join(expr for panel in maker.PANELS for expr in panel.queries.values()) + RULES.read_text("utf-8")

    names = set(re.findall(r"\b((?:xinguan|process)_[a-z_]+)\b", asked_for))
    assert {name for name in names if not any(one == name for one in told)} == set()


class Exporter(BaseHTTPRequestHandler):
    """A terminal's /metrics, well or ill by its port's choice."""

    def do_GET(self):
        body = figures(ill=self.server.ill).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words):
        """Say nothing."""


@pytest.fixture
def exporters():
    servers = []
    for ill in (False, True):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
        server.ill = ill
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
    yield [f"127.0.0.1:{server.server_port}" for server in servers]
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def prometheus(tmp_path, exporters, unused_tcp_port):
    """A real Prometheus that looks each second; waits of the rules are shortened, the rules are the package's."""
    text = re.sub(r"for: \w+", "for: 1s", RULES.read_text("utf-8"))
    (tmp_path / "rules.yml").write_text(re.sub(r"\[\d+m\]", "[10s]", text))
    targets = [*exporters, "127.0.0.1:9"]  # the third is away
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(tmp_path / "rules.yml")],
        "scrape_configs": [{"job_name": "xinguan", "static_configs": [{"targets": targets}]}],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    words = ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    words += [f"--web.listen-address=127.0.0.1:{unused_tcp_port}"]
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(words, stdout=log, stderr=log)
    yield f"http://127.0.0.1:{unused_tcp_port}/api/v1"
    running.terminate()
    running.wait(20)


def get(base, path, **query):
    url = f"{base}/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)["data"]


def until(question, *, seconds=90):
    """Ask again until the answer is empty of what is missing; return what is missing at the end."""
    end, missing = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            missing = question()
        except OSError as error:
            missing = error
        if not missing:
            return missing
        time.sleep(0.5)
    return missing


@pytest.mark.e2e
@needs_prometheus
def test_a_real_prometheus_fires_each_alert_for_the_ill_and_answers_every_query_of_the_dashboard(prometheus, exporters):
    well, ill = exporters

    def silent():
        firing = {
            (one["labels"]["alertname"], one["labels"].get("instance"))
            for one in get(prometheus, "alerts")["alerts"]
            if one["state"] == "firing"
        }
        assert {name for name, instance in firing if instance == well} == set()
        expected = {(name, ill) for name in ALERTS} - {("XinguanVersionsDiffer", ill), ("XinguanTerminalAway", ill)}
        return (expected | {("XinguanTerminalAway", "127.0.0.1:9")}) - firing

    def unanswered():
        every = [expr.replace("[5m]", "[10s]") for panel in maker.PANELS for expr in panel.queries.values()]
        return [expr for expr in every if not get(prometheus, "query", query=expr)["result"]]

    assert until(silent) == set()
    assert until(unanswered) == []
