"""A small, right plant as texts, to be broken one place at a time."""

from __future__ import annotations

from pathlib import Path

PLANT = """\
plant: small
text: two compressors
timezone: Asia/Tokyo
simulator: turbine
areas:
  - name: bag
  - name: recovery
plcs:
  - plc_r.yaml
permissives:
  - name: run
    text: run a compressor
    guards:
      - command: C-301.CMD
        word: start
derived:
  - name: P35-316
    text: discharge at 35 °C
    unit: MPag
    range: 0..25
    expression: p35(PT-316, TT-318)
    alarms:
      H:
        limit: 14.0
        priority: 3
"""

PLC = """\
plc: R
style: codesys
endpoint: opc.tcp://192.0.2.12:4840
namespace: urn:RCV-PLC
alive: WD-992
heartbeat: WD-994.R
epoch: OWNER-EPOCH.R
tags:
  - name: LT-201
    text: bag level
    unit: "%"
    range: 0..100
    area: bag
    node: s=LT201
    raw: Int16
    scale: 0.1
    sentinels: [32767]
    deadband: 1
    delay: 5 s
    alarms:
      LL:
        limit: 5
        priority: 3
      L:
        limit: 15
        priority: 3
      H:
        limit: 90
        priority: 3
      HH:
        limit: 95
        priority: 1
        help:
          cause: compressor off
          action: stop fills
  - name: PT-204
    text: bag pressure
    unit: mbarg
    range: -5..30
    node: s=PT204
    raw: Float
    alarms:
      LL:
        limit: 0.5 mbarg
        priority: 3
  - name: PT-316
    text: discharge pressure
    unit: barg
    range: 0..250
    node: s=PT316
    raw: UInt16
    scale: 0.01
  - name: TT-318
    text: gas temperature
    unit: °C
    range: -40..120
    node: s=TT318
    raw: Float
  - name: FT-209
    text: return flow
    unit: Nm3/h
    range: 0..100
    node: s=FT209
    raw: Float
  - name: LSLL-202
    text: bag empty switch
    states:
      0: empty
      1: gas
    node: s=LSLL202
    raw: Boolean
    alarms:
      "ON":
        limit: 0
        priority: 3
  - name: XA-343
    text: common warning
    node: s=W340
    element: 0
    bit: 3
    raw: UInt16
  - name: XA-344
    text: common trip
    node: s=W340
    element: 0
    bit: 4
    active_when: 0
    raw: UInt16
  - name: XS-301
    text: state of C-301
    states:
      3: ready
      9: under load
      12: stopped
    node: s=XS301
    raw: UInt16
  - name: XS-351
    text: state of C-351
    states:
      3: ready
      9: under load
      12: stopped
    node: s=XS351
    raw: UInt16
  - name: WD-992
    text: counter of the PLC
    unit: count
    node: s=WD992
    raw: UInt16
  - name: WD-994.R
    text: counter of the service
    unit: count
    node: s=WD994
    raw: UInt16
    access: command
  - name: OWNER-EPOCH.R
    text: epoch of the service
    unit: count
    node: s=EPOCH
    raw: UInt32
    access: command
commands:
  - name: C-301.CMD
    text: duty compressor
    nodes:
      word: s=C301
      sequence: s=C301_SEQ
      epoch: s=C301_EPOCH
      echo: s=C301_ECHO
      result: s=C301_RESULT
    words:
      - name: stop
        value: 2
        origin: automatic
        proof:
          tag: XS-301
          is: [3, 12]
        within: 20 s
      - name: unload
        value: 4
        origin: automatic
        proof:
          tag: XS-301
          is: 3
      - name: start
        value: 1
        origin: operator
  - name: C-351.CMD
    text: standby compressor
    nodes:
      word: s=C351
      sequence: s=C351_SEQ
      epoch: s=C351_EPOCH
      echo: s=C351_ECHO
      result: s=C351_RESULT
    words:
      - name: stop
        value: 2
        origin: automatic
        proof:
          tag: XS-351
          is: [3, 12]
      - name: unload
        value: 4
        origin: automatic
        proof:
          tag: XS-351
          is: 3
      - name: start
        value: 1
        origin: operator
"""

INTERLOCKS = """\
interlocks:
  - name: S-01
    text: bag too low
    kind: trip
    causes:
      - id: LT-201<10
        text: bag below 10 %
        when:
          all:
            - tag: LT-201
              below: 10
              for: 5 s
              hysteresis: 1
            - vote: 2
              of:
                - tag: XS-301
                  is: 9
                - tag: XS-351
                  is: 9
    on_unknown: trip
    effects:
      - command: C-301.CMD
        word: stop
        by: service
      - command: C-351.CMD
        word: stop
        by: service
      - withhold: run
        by: service
    latch: true
    reset:
      by: operator
      when:
        tag: LT-201
        above: 35
    bypass:
      max: 30 min
      role: supervisor
  - name: S-02
    text: pressure high
    kind: trip
    causes:
      - id: P35-316>14.4
        text: discharge at 14.4 MPa(G)
        when:
          tag: P35-316
          above: 14.4 MPag
    on_unknown: trip
    effects:
      - command: C-301.CMD
        word: stop
        by: service
      - command: C-351.CMD
        word: stop
        by: service
    latch: false
    reset:
      by: automatic
      for: 60 s
  - name: I-06
    text: bag empty
    kind: trip
    causes:
      - id: LSLL-202
        text: bag empty switch
        when:
          tag: LSLL-202
          is: 0
    effects:
      - by: plc
        text: C-301 stopped
        when:
          tag: XS-301
          is: 12
        within: 20 s
    latch: true
    reset:
      by: local
    parent: S-01
    not_for:
      - XS-351
"""

TEXTS = {"plant.yaml": PLANT, "plc_r.yaml": PLC, "interlocks.yaml": INTERLOCKS}


def write_plant(folder: Path, texts: dict[str, str] = TEXTS) -> Path:
    """The texts as a folder that can be loaded."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def changed(file: str, old: str, new: str) -> dict[str, str]:
    """The texts with one place changed; `old` must stand there exactly once."""
    assert TEXTS[file].count(old) == 1, f"{old!r} stands {TEXTS[file].count(old)} times in {file}"
    return {**TEXTS, file: TEXTS[file].replace(old, new)}
