"""Status as text for a terminal: what is wrong first, one line each."""

from __future__ import annotations

from typing import Any


def status_text(state: dict[str, Any]) -> str:
    service, journal, loop = state["service"], state["journal"], state["loop"]
    lines = [
        f"{service['plant']} · heloop {service['version']} · up {service['up_s']:.0f} s · "
        f"{'ready' if service['ready'] else 'not ready'} · data {service['data']}",
        f"journal: event {journal['seq']}, {journal['rows_written']} rows, lag {journal['lag_s']:.2f} s, "
        f"{journal['rows_dropped']} dropped"
        + (f", FAILING: {journal['failing']}" if journal["failing"] else ""),
        f"loop: {loop['steps']} steps, p50 {loop['step_ms_p50']:.2f} ms, p99 {loop['step_ms_p99']:.2f} ms, "
        f"inbox {loop['inbox_max']} at most, {loop['inbox_dropped']} dropped",
        f"values: {state['values']['good']} good, {state['values']['uncertain']} uncertain, "
        f"{state['values']['bad']} bad",
        "",
        *_links(state),
        "",
        *_interlocks(state["interlocks"]),
        *_withheld(state["permissives"]),
        *_commands(state["commands"]),
    ]
    if state["bypasses"]:
        lines += ["", "bypasses:", bypass_text(state["bypasses"])]
    return "\n".join(lines)


def _links(state: dict[str, Any]) -> list[str]:
    lives = {row["plc"]: row for row in state["plcs"]}
    lines = ["links:"]
    for row in state["links"]:
        life = lives[row["plc"]]
        mode = {True: "remote", False: "LOCAL", None: "mode unknown"}[life["remote"]]
        reason = f" ({life['reason']})" if life["reason"] else ""
        if life["fenced"]:
            reason += ", a newer service owns it: this one writes nothing"
        lines.append(
            f"  {row['plc']:3} {life['life']:8} {mode:8} {row['changes']:>9} changes, "
            f"{row['reconnects']} reconnects, {row['gaps']} gaps, {row['overflows']} overflows, "
            f"{row['bad_nodes']} bad nodes{reason}"
        )
    return lines


def _interlocks(rows: list[dict[str, Any]]) -> list[str]:
    standing = [row for row in rows if row["state"] != "clear"]
    if not standing:
        return ["interlocks: none tripped"]
    lines = [f"interlocks: {len(standing)} of {len(rows)} not clear"]
    for row in standing:
        first = f", first out {row['first_out']}" if row["first_out"] else ""
        since = f", for {row['since_s']:.0f} s" if row["since_s"] is not None else ""
        reset = f"; {row['not_resettable']}" if row["not_resettable"] else ""
        lines.append(f"  {row['name']:6} {row['state']:9} {row['text']}{first}{since}{reset}")
        lines += [
            f"         {one['tag']} {one['value']} by {one['by']}: {one['result']} {one['how']}".rstrip()
            for one in row["effects"]
        ]
    return lines


def _withheld(rows: list[dict[str, Any]]) -> list[str]:
    return [
        f"withheld: {row['text']}, by {', '.join(row['withheld_by'])}" for row in rows if row["withheld_by"]
    ]


def _commands(rows: list[dict[str, Any]]) -> list[str]:
    sent = [row for row in rows if row["word"]]
    return ["", "commands:"] * bool(sent) + [
        f"  {row['name']:12} {row['word']:8} {row['result']} {row['how']}".rstrip() for row in sent
    ]


def bypass_text(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "nothing is bypassed"
    return "\n".join(
        f"  {row['interlock']:6} {row['kind']:15} {row['remaining_s']:.0f} s left, by {row['user']}"
        f"{' and ' + row['confirmed_by'] if row['confirmed_by'] else ''}: {row['reason']}"
        for row in rows
    )
