"""Writes dashboard.json for Grafana: one table of panels here, so that a query stands in one place.

    python systemd/monitoring/make_dashboard.py

A test holds the file to this table, and asks a real Prometheus every query.
"""

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

WIDTH, HEIGHT = 24, 8
SOURCE: Final = {"type": "prometheus", "uid": "${source}"}


class Panel(NamedTuple):
    """One picture: its title, its unit, how wide (of 24), and queries by what their lines are called."""

    title: str
    unit: str
    wide: int
    queries: dict[str, str]
    kind: str = "timeseries"


PANELS: Final = (
    Panel("不正常的项目 · lines that are not well", "none", 12, {"{{instance}} {{line}}": "xinguan_line > 0"}, "table"),
    Panel("在线 · answering", "none", 4, {"": 'sum(up{job="xinguan"})'}, "stat"),
    Panel("版本 · versions", "none", 8, {"{{version}}": "count by (version) (xinguan_build_info)"}, "stat"),
    Panel(
        "决定 · decisions a minute",
        "none",
        12,
        {"{{outcome}}": "60 * sum by (outcome) (rate(xinguan_decisions_total[5m]))"},
    ),
    Panel(
        "未放行的原因 · why not, an hour",
        "none",
        12,
        {"{{reason}}": 'topk(8, sum by (reason) (increase(xinguan_decisions_total{outcome!="GRANT"}[1h])))'},
    ),
    Panel(
        "决定耗时 · time of a decision",
        "s",
        12,
        {
            "{{stage}} p50": "histogram_quantile(0.5, sum by (stage, le) (rate(xinguan_stage_seconds_bucket[5m])))",
            "{{stage}} p99": "histogram_quantile(0.99, sum by (stage, le) (rate(xinguan_stage_seconds_bucket[5m])))",
        },
    ),
    Panel(
        "待上传 · facts that wait",
        "none",
        6,
        {"{{instance}}": "xinguan_unsent_facts"},
    ),
    Panel(
        "最早的待上传 · age of the oldest",
        "s",
        6,
        {"{{instance}}": "(time() - xinguan_oldest_unsent_timestamp_seconds) * (xinguan_unsent_facts > bool 0)"},
    ),
    Panel(
        "名单年龄 · age of the lists",
        "s",
        8,
        {"{{list}}": "max by (list) (time() - xinguan_list_signed_timestamp_seconds)"},
    ),
    Panel(
        "平台上次应答 · since the platform answered",
        "s",
        8,
        {"{{instance}}": "time() - xinguan_platform_answered_timestamp_seconds"},
    ),
    Panel("时钟 · clock", "none", 8, {"{{instance}} {{state}}": "xinguan_clock_state == 1"}, "table"),
    Panel("摄像头帧率 · frames a second", "none", 8, {"{{instance}} {{lane}}": "xinguan_camera_fps"}),
    Panel(
        "读到的比例 · of what looked like a code, read",
        "percentunit",
        8,
        {"{{instance}} {{lane}}": "xinguan_scanner_looks_read / (xinguan_scanner_looks > 0)"},
    ),
    Panel(
        "识读耗时 · CPU of the readers",
        "percentunit",
        8,
        {"{{lane}} {{step}}": "sum by (lane, step) (rate(xinguan_scanner_step_seconds_total[5m]))"},
    ),
    Panel(
        "闸机故障 · gates that did not obey",
        "none",
        8,
        {"{{instance}} {{lane}}": "increase(xinguan_actuator_faults_total[1h])"},
    ),
    Panel(
        "磁盘 · disk",
        "bytes",
        8,
        {"{{instance}} 剩余 free": "xinguan_disk_free_bytes", "{{instance}} 账本 ledger": "xinguan_database_bytes"},
    ),
    Panel(
        "进程 · process",
        "bytes",
        8,
        {
            "{{instance}} 终端 service": 'process_resident_memory_bytes{job="xinguan"}',
            "{{instance}} {{lane}} 识读 reader": "xinguan_scanner_memory_bytes",
        },
    ),
    Panel("处理器 · CPU", "percentunit", 12, {"{{instance}}": 'rate(process_cpu_seconds_total{job="xinguan"}[5m])'}),
    Panel(
        "告警 · alerts that fire",
        "none",
        12,
        {"{{alertname}} {{instance}}": 'ALERTS{alertstate="firing", alertname=~"Xinguan.*"}'},
        "table",
    ),
)


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it."""
    panels, x, y = [], 0, 0
    for number, panel in enumerate(PANELS, 1):
        if x + panel.wide > WIDTH:
            x, y = 0, y + HEIGHT
        targets = [
            {"refId": chr(ord("A") + at), "expr": expr, "legendFormat": legend, "datasource": SOURCE}
            | ({"instant": True, "format": "table"} if panel.kind == "table" else {})
            for at, (legend, expr) in enumerate(panel.queries.items())
        ]
        panels.append(
            {
                "id": number,
                "title": panel.title,
                "type": panel.kind,
                "datasource": SOURCE,
                "gridPos": {"x": x, "y": y, "w": panel.wide, "h": HEIGHT},
                "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
                "targets": targets,
            }
        )
        x += panel.wide
    return {
        "title": "信关 Xinguan",
        "uid": "xinguan",
        "schemaVersion": 39,
        "version": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}]
        },
        "panels": panels,
    }


def written() -> str:
    """Return the file's text."""
    return json.dumps(dashboard(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent / "dashboard.json").write_text(written(), "utf-8")
