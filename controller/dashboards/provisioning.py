"""What Grafana reads at its start: where the data is, where the dashboards are, and one alert rule.

Alarming stays in heloop. The one rule here is a watchdog from outside: it speaks when heloop is silent.
"""

from __future__ import annotations

from typing import Any, Final

from controller.dashboards.queries import text

UID: Final = "heloop"
SILENT_S: Final = 60

DATASOURCES: Final = """\
# Where Grafana finds the data. Grafana puts in the variables from its environment
# (deploy/compose.yaml sets them). InfluxDB 2 and 3 Core: HELOOP_INFLUX_TOKEN is the API token.
# InfluxDB 1: set user and password below instead.
apiVersion: 1
prune: true
datasources:
  - name: heloop
    uid: heloop
    type: influxdb
    access: proxy
    url: $HELOOP_INFLUX_URL
    isDefault: true
    jsonData:
      dbName: $HELOOP_INFLUX_DATABASE
      httpMode: POST
      timeInterval: 10s
      httpHeaderName1: Authorization
    secureJsonData:
      httpHeaderValue1: Token $HELOOP_INFLUX_TOKEN
    # InfluxDB 1.x:
    # user: grafana
    # secureJsonData:
    #   password: $HELOOP_INFLUX_PASSWORD
"""

PROVIDERS: Final = """\
# Where Grafana finds the dashboards: mount grafana/dashboards there.
apiVersion: 1
providers:
  - name: heloop
    folder: heloop
    type: file
    disableDeletion: true
    allowUiUpdates: false
    updateIntervalSeconds: 30
    options:
      path: /var/lib/grafana/dashboards/heloop
      foldersFromFilesStructure: false
"""


def alert_rules(plant: str) -> dict[str, Any]:
    """heloop's sign of life is missing: no 'alive' of the core within SILENT_S."""
    query = (
        'SELECT count("alive") FROM "service" WHERE '
        f'"plant" = {text(plant)} AND "part" = \'core\' AND $timeFilter'
    )
    seen = {
        "refId": "A",
        "relativeTimeRange": {"from": SILENT_S, "to": 0},
        "datasourceUid": UID,
        "model": {"refId": "A", "query": query, "rawQuery": True, "resultFormat": "time_series"},
    }
    condition = {
        "refId": "B",
        "datasourceUid": "__expr__",
        "model": {
            "refId": "B",
            "type": "classic_conditions",
            "conditions": [
                {
                    "evaluator": {"params": [1], "type": "lt"},
                    "operator": {"type": "and"},
                    "query": {"params": ["A"]},
                    "reducer": {"params": [], "type": "last"},
                    "type": "query",
                }
            ],
        },
    }
    rule = {
        "uid": f"heloop-{plant}-silent"[:40],
        "title": f"heloop of {plant} is silent",
        "condition": "B",
        "data": [seen, condition],
        "noDataState": "Alerting",
        "execErrState": "Alerting",
        "for": "1m",
        "labels": {"severity": "critical", "plant": plant},
        "annotations": {
            "summary": f"heloop of {plant} has not written for a minute: the plant is not watched.",
            "description": "Look at the service (systemctl status heloop-core, heloop status), then at "
            "InfluxDB. Until it is back, watch the plant at the PLC panels.",
        },
    }
    group = {"orgId": 1, "name": "heloop", "folder": "heloop", "interval": "30s", "rules": [rule]}
    return {"apiVersion": 1, "groups": [group]}
