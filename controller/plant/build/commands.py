"""Commands: the five handshake nodes as tags, then words and their proofs."""

from __future__ import annotations

from controller.plant.build.conditions import Conditions
from controller.plant.build.tags import NodesSeen, check_area, node
from controller.plant.build.values import duration_s
from controller.plant.document import Place
from controller.plant.draft import Draft, Item
from controller.plant.plant import Command, Origin, Permissive, Word
from controller.plant.problems import did_you_mean
from controller.plant.schema.plcfile import CommandEntry, WordEntry
from controller.plant.tags import Archive, Kind, NodeSource, Raw, Tag

WITHIN_S = 10.0
RESULTS = (
    (0, "none"),
    (1, "accepted"),
    (2, "refused: permissive or interlock"),
    (3, "refused: local, not remote or stopped"),
    (4, "busy"),
    (5, "refused: epoch below the owner's"),
    (6, "unknown word"),
)
# What starts or moves the plant onwards is a person's to send, whatever the file says.
STARTS = frozenset(
    [
        "allow",
        "auto",
        "begin",
        "collect",
        "enable",
        "fill",
        "load",
        "on",
        "open",
        "permit",
        "reset",
        "restart",
        "resume",
        "run",
        "start",
    ]
)


def handshake_names(command: str) -> dict[str, str]:
    """C-301.CMD -> its five tags: word, sequence, epoch, echo, result."""
    stem = command.removesuffix(".CMD")
    return {
        "word": command,
        "sequence": f"{stem}.SEQ",
        "epoch": f"{stem}.EPOCH",
        "echo": f"{stem}.ECHO",
        "result": f"{stem}.RESULT",
    }


def build_handshake(item: Item[CommandEntry], draft: Draft, nodes: NodesSeen) -> None:
    """Adds the command's tags."""
    entry, place = item.entry, item.place
    check_area(place, entry.area, draft)
    namespace = next((p.entry.namespace for p in draft.plcs if p.plc == item.plc), "")
    words = tuple(sorted({0: "none", **{word.value: word.name for word in entry.words}}.items()))
    shapes: dict[str, tuple[str, Raw, Kind, tuple[tuple[int, str], ...]]] = {
        "word": ("command", Raw.UINT16, Kind.STATE, words),
        "sequence": ("command", Raw.UINT16, Kind.COUNTER, ()),
        "epoch": ("command", Raw.UINT32, Kind.COUNTER, ()),
        "echo": ("read", Raw.UINT16, Kind.COUNTER, ()),
        "result": ("read", Raw.UINT16, Kind.STATE, RESULTS),
    }
    lacking = [key for key in ("echo", "result") if getattr(entry.nodes, key) is None]
    if lacking:
        message = f"no read-back: `{'` and `'.join(lacking)}` missing; name the node where the PLC answers"
        draft.problems.error(place / "nodes", message)
    for key, name in handshake_names(entry.name).items():
        access, raw, kind, states = shapes[key]
        written, at = getattr(entry.nodes, key), place / "nodes" / key
        if written is None:
            continue
        if name in draft.tags or (key != "word" and name in draft.names("tag")):
            draft.problems.error(at, f"the name {name} is taken by a tag; a command uses it for its {key}")
            continue
        source = NodeSource(max(item.plc, 0), *node(at, written, namespace, draft), raw)
        nodes.claim(name, source, at, draft)
        draft.tags[name] = Tag(
            index=len(draft.tags),
            name=name,
            text=entry.text if key == "word" else f"{entry.text}: {key}",
            kind=kind,
            unit="",
            area=entry.area,
            low=0.0,
            high=4294967295.0 if raw is Raw.UINT32 else 65535.0,
            source=source,
            access=access,
            fast=key in ("echo", "result"),
            archive=Archive(max_interval_s=3600.0),
            states=states,
            line=place.line,
        )


def build_command(item: Item[CommandEntry], draft: Draft, conditions: Conditions) -> None:
    """Adds the command itself, once all tags are there."""
    entry, place = item.entry, item.place
    words = []
    for number, word in enumerate(entry.words):
        at = place / "words" / number
        for key in ("name", "value"):
            if any(getattr(word, key) == getattr(other, key) for other in entry.words[:number]):
                draft.problems.error(
                    at / key, f"{key} {getattr(word, key)} is used by a word above; words differ"
                )
        words.append(_word(word, entry, at, draft, conditions))
    tags = {key: draft.tags.get(name) for key, name in handshake_names(entry.name).items()}
    indices = {key: tag.index if tag else -1 for key, tag in tags.items()}
    draft.commands[entry.name] = Command(
        index=len(draft.commands),
        name=entry.name,
        text=entry.text,
        plc=max(item.plc, 0),
        words=tuple(words),
        style=entry.style,
        line=place.line,
        **indices,
    )


def _word(word: WordEntry, entry: CommandEntry, place: Place, draft: Draft, conditions: Conditions) -> Word:
    proof = None if word.proof is None else conditions.build(word.proof, place / "proof")
    if entry.style == "toggle" and word.proof is None:
        draft.problems.error(
            place, "no read-back: a toggle is sent only when feedback says so; give the word a `proof`"
        )
    if word.origin == "automatic" and (word.name in STARTS or word.name.startswith(("start", "set"))):
        draft.problems.error(
            place / "origin",
            f"`{word.name}` starts or sets something, which only a person may; write origin: operator",
        )
    within_s = duration_s(place / "within", word.within, draft.problems, WITHIN_S)
    if word.within is not None and within_s == 0:
        draft.problems.error(place / "within", "a proof needs time; write how long it may take, such as 20 s")
    return Word(word.name, word.value, Origin(word.origin), proof, within_s, _at_most(word, place, draft))


def _at_most(word: WordEntry, place: Place, draft: Draft) -> tuple[int, float] | None:
    if word.at_most is None:
        return None
    if word.proof is None:
        draft.problems.error(place / "at_most", "starts are counted by feedback; give the word a `proof`")
    within = place / "at_most" / "within"
    return word.at_most.times, duration_s(within, word.at_most.within, draft.problems, 3600.0)


def build_permissives(draft: Draft) -> list[Permissive]:
    """Permissives with their guards; a guard that does not exist guards nothing and is an error."""
    built: list[Permissive] = []
    for item in draft.permissive_items:
        guards = []
        for number, guard in enumerate(item.entry.guards):
            at = item.place / "guards" / number
            command = find_command(guard.command, at / "command", draft)
            if command is None:
                continue
            if guard.word not in [w.name for w in command.words]:
                draft.problems.error(at / "word", unknown_word(guard.word, command))
            guards.append((command.index, guard.word))
        built.append(Permissive(len(built), item.entry.name, item.entry.text, tuple(guards)))
    return built


def find_command(name: str, place: Place, draft: Draft) -> Command | None:
    """The command, or None after saying what is wrong with the name."""
    if name in draft.commands:
        return draft.commands[name]
    if name in draft.names("command"):
        return None  # broken, and reported there
    known = draft.names("command")
    if name in draft.names("tag") or name in draft.tags:
        instead = (
            f"; did you mean {name}.CMD?" if f"{name}.CMD" in known else "; add it to `commands:` of its PLC"
        )
        draft.problems.error(place, f"{name} is a tag, not a command, so the service cannot send it{instead}")
    else:
        draft.unknown(place, f"unknown command {name}{did_you_mean(name, known)}")
    return None


def unknown_word(word: str, command: Command) -> str:
    names = [w.name for w in command.words]
    hint = did_you_mean(word, names) or f"; it has {', '.join(names)}"
    return f"{command.name} has no word '{word}'{hint}"
