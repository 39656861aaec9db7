"""Every dashboard is what Grafana's own published types say a dashboard is."""

from __future__ import annotations

import json
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from controller.dashboards.files import dashboards
from tests.services import INTEROP
from tests.unit.test_dashboards import plant_named

pytestmark = pytest.mark.needs("grafana-schema")

HEAD = """\
import type { Dashboard } from '@grafana/schema';
// Enumerations refuse the text that stands in a JSON file, though it is the same.
type L<T> = T extends string ? `${T}` : T extends (infer U)[] ? L<U>[]
  : T extends object ? { [K in keyof T]: L<T[K]> } : T;
"""
OPTIONS = {"strict": True, "noEmit": True, "skipLibCheck": True, "types": [], "moduleResolution": "node"}


def without_queries(document: Any) -> Any:
    """The types do not know what a data source adds to a query of an annotation."""
    found = deepcopy(document)
    for annotation in found["annotations"]["list"]:
        annotation["target"] = {key: annotation["target"][key] for key in ("refId", "queryType")}
    return found


def judged(folder: Path, documents: dict[str, object]) -> subprocess.CompletedProcess[str]:
    """What the TypeScript compiler says of documents as dashboards."""
    schema = INTEROP / "node_modules/@grafana/schema/dist/types/index.d.ts"
    found = list(schema.parent.glob("index.d.ts")) or list(schema.parents[1].glob("**/index.d.ts"))
    options = {**OPTIONS, "baseUrl": ".", "paths": {"@grafana/schema": [str(found[0])]}}
    lines = [
        f"export const d{at}: L<Dashboard> = {json.dumps(without_queries(document))};"
        for at, document in enumerate(documents.values())
    ]
    (folder / "dashboards.ts").write_text(HEAD + "\n".join(lines) + "\n")
    (folder / "tsconfig.json").write_text(
        json.dumps({"compilerOptions": {**options, "target": "es2020", "module": "commonjs"}})
    )
    command = [str(INTEROP / "node_modules/.bin/tsc"), "-p", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize("name", ["university", "tutorial"])
def test_every_dashboard_has_the_types_that_grafana_publishes(name: str, tmp_path: Path) -> None:
    done = judged(tmp_path, dict(dashboards(plant_named(name))))
    assert done.returncode == 0, done.stdout[:3000]


def test_a_dashboard_with_a_wrong_type_is_noticed(tmp_path: Path) -> None:
    document = dashboards(plant_named("tutorial"))["service.json"]
    document["panels"][0]["gridPos"]["h"] = "8"
    document["refresh"] = 9
    done = judged(tmp_path, {"wrong": document})
    assert done.returncode != 0
    assert "TS2322" in done.stdout
