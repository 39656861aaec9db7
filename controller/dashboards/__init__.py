"""Grafana dashboards from the plant: plain dicts in Grafana's classic JSON, and what provisions them.

In: a checked Plant, the language. Out: files. Queries are InfluxQL of the subset that InfluxDB 1.x, 2.x and
3 Core serve, against the measurements of docs/reference/influx-schema.md. No I/O but in `files`.
Colour is for what is abnormal (ISA-101): at rest everything is grey.
"""
