"""PLCs: endpoint, liveness tags, publishing and security."""

from __future__ import annotations

from controller.plant.build.values import duration_s
from controller.plant.document import Place
from controller.plant.draft import Draft, Item
from controller.plant.plant import Plc, Security
from controller.plant.problems import did_you_mean
from controller.plant.schema.plcfile import PlcHead
from controller.plant.tags import Kind, NodeSource, Raw, Tag

REFERENCES = ("env:", "file:", "credential:")
WHOLE = frozenset((Raw.BYTE, Raw.UINT16, Raw.UINT32, Raw.UINT64, Raw.INT16, Raw.INT32, Raw.INT64))


def build_plcs(draft: Draft) -> list[Plc]:
    """All PLCs in the order of plant.yaml."""
    built: list[Plc] = []
    for item in draft.plcs:
        for other in draft.plcs[: item.plc]:
            if other.entry.plc == item.entry.plc:
                where = other.place.document.name
                draft.problems.error(
                    item.place / "plc", f"PLC {item.entry.plc} is given twice, also in {where}"
                )
            if other.entry.endpoint == item.entry.endpoint:
                message = f"same endpoint as PLC {other.entry.plc}; give each PLC an endpoint of its own"
                draft.problems.error(item.place / "endpoint", message)
        built.append(_plc(item, draft))
    return built


def _plc(item: Item[PlcHead], draft: Draft) -> Plc:
    entry, place, problems = item.entry, item.place, draft.problems
    if not entry.endpoint.startswith("opc.tcp://") or len(entry.endpoint) <= len("opc.tcp://"):
        problems.error(place / "endpoint", f"'{entry.endpoint}' is no endpoint; write opc.tcp://host:port")
    intervals = {}
    for key in ("fast", "normal", "budget"):
        at = place / "publishing" / key
        intervals[key] = duration_s(at, getattr(entry.publishing, key), problems) * 1000
        if intervals[key] <= 0:
            problems.error(at, f"`{key}` must be more than 0")
    if intervals["fast"] > intervals["normal"]:
        problems.error(place / "publishing", "`fast` is slower than `normal`; swap them")
    if intervals["budget"] < intervals["fast"]:
        problems.error(
            place / "publishing", "`budget` is shorter than one `fast` interval; no change can meet it"
        )
    alive = _own_tag(item, "alive", entry.alive, draft)
    heartbeat = _own_tag(item, "heartbeat", entry.heartbeat, draft)
    epoch = _own_tag(item, "epoch", entry.epoch, draft)
    _check_written(place / "heartbeat", heartbeat, Raw.UINT16, draft)
    _check_written(place / "epoch", epoch, Raw.UINT32, draft)
    if alive is not None and isinstance(alive.source, NodeSource) and alive.source.raw not in WHOLE:
        problems.error(
            place / "alive", f"{alive.name} is {alive.source.raw.value}; a counter that moves is wanted"
        )
    remote = _own_tag(item, "remote", entry.remote, draft)
    if remote is not None and remote.kind is not Kind.DISCRETE:
        problems.error(place / "remote", f"{remote.name} is {remote.kind.value}; a Boolean or bit is wanted")
    if any(command.plc == item.plc for command in draft.command_items):
        for key in ("heartbeat", "epoch"):
            if getattr(entry, key) is None:
                problems.error(place, f"`{key}` is missing; a PLC that takes commands must see that we live")
    return Plc(
        index=item.plc,
        name=entry.plc,
        text=entry.text,
        endpoint=entry.endpoint,
        namespaces=_namespaces(item, draft),
        alive=alive.index if alive else -1,
        alive_after_s=duration_s(place / "alive_after", entry.alive_after, problems, 5.0),
        heartbeat=heartbeat.index if heartbeat else None,
        epoch=epoch.index if epoch else None,
        remote=remote.index if remote else None,
        fast_ms=intervals["fast"],
        normal_ms=intervals["normal"],
        budget_ms=intervals["budget"],
        security=_security(item, draft),
        style=entry.style,
        line=place.line,
    )


def _namespaces(item: Item[PlcHead], draft: Draft) -> tuple[str, ...]:
    """The file's own first, then those that single nodes name."""
    sources = [t.source for t in draft.tags.values() if isinstance(t.source, NodeSource)]
    found = {item.entry.namespace: None}
    found.update({s.namespace: None for s in sources if s.plc == item.plc})
    return tuple(found)


def _own_tag(item: Item[PlcHead], key: str, name: str | None, draft: Draft) -> Tag | None:
    """The named tag, which must be in the same PLC."""
    if name is None:
        return None
    place = item.place / key
    tag = draft.tags.get(name)
    if tag is None:
        if name not in draft.names("tag"):
            hint = did_you_mean(name, draft.names("tag"))
            draft.unknown(place, f"unknown tag {name} for `{key}` of PLC {item.entry.plc}{hint}")
        return None
    if tag.plc != item.plc:
        draft.problems.error(
            place, f"{name} is not a tag of PLC {item.entry.plc}; `{key}` must be in this file"
        )
        return None
    return tag


def _check_written(place: Place, tag: Tag | None, raw: Raw, draft: Draft) -> None:
    if tag is None:
        return
    if tag.access != "command":
        draft.problems.error(
            place, f"{tag.name} is read only, but the service writes it; give it access: command"
        )
    if isinstance(tag.source, NodeSource) and tag.source.raw is not raw:
        draft.problems.error(place, f"{tag.name} is {tag.source.raw.value}; it must be {raw.value}")


def _security(item: Item[PlcHead], draft: Draft) -> Security:
    entry, place = item.entry.security, item.place / "security"
    if (entry.policy == "None") != (entry.mode == "None"):
        message = f"policy {entry.policy} and mode {entry.mode} do not go together; set both, or neither"
        draft.problems.error(place, message)
    if entry.password is not None and not entry.password.startswith(REFERENCES):
        message = "a secret does not belong in a plant file; write env:NAME, file:PATH or credential:NAME"
        draft.problems.error(place / "password", message)
    if entry.password is not None and entry.user is None:
        draft.problems.error(place / "password", "a password without `user`; add the user's name")
    return Security(entry.policy, entry.mode, entry.user, entry.password)
