"""The journal's heads as points of `journal`, and as they are found there again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from controller.followers.influx.lines import Field, key, line
from controller.followers.influx.queries import Queries, literal
from controller.record.chain import Head
from controller.record.heads import SentHead


class Found(NamedTuple):
    """heads: of the journal asked for, oldest first. others: how many are of other journals."""

    heads: Sequence[Head]
    others: int


def head_line(plant: str, journal: str, sent: SentHead) -> str:
    fields: dict[str, Field] = {
        "seq": sent.head.seq,
        "hash": sent.head.hash.hex(),
        "journal": journal,
        "why": sent.why,
    }
    return line(key("journal", {"plant": plant}), fields, sent.at_ns)


async def stored_heads(plant: str, journal: str, queries: Queries) -> Found:
    """journal: its id. Raises NotAnswered."""
    query = f'SELECT "seq", "hash", "journal" FROM "journal" WHERE "plant" = {literal(plant)}'  # noqa: S608
    rows = [row for series in await queries.ask(query) for row in series["values"]]
    mine = [Head(int(seq), bytes.fromhex(digest)) for _, seq, digest, of in rows if of == journal]
    return Found(mine, len(rows) - len(mine))
