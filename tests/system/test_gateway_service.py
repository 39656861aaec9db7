"""The gateway as systemd would start it, over a core that reads a simulated plant: three processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asyncua import ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256

from controller.opcua.gateway.space.names import of_plant, standard
from tests.system.gateway_alarms import Operator, octets, text
from tests.system.gateway_rig import _ClientOf
from tests.system.programs import Order, Program
from tests.system.service import Service, free_ports, plcs

LINK = "R.LINK"
PATIENCE_S = 60.0


@contextmanager
def gateway(service: Service, port: int) -> Iterator[tuple[Program, str]]:
    """`heloop gateway` with the demo's users, and its address."""
    order = Order(
        ["gateway", "tutorial", "--data", str(service.data), "--demo-users", "--port-base", str(port)],
        errors=service.data.parent / "gateway.err",
    )
    with Program(order) as program:
        said = program.line("ready ")
        url = next(word.removeprefix("opcua=") for word in said.split() if word.startswith("opcua="))
        yield program, url.replace("localhost", "127.0.0.1")


def operator_at(url: str) -> _ClientOf:
    mode = ua.MessageSecurityMode.SignAndEncrypt
    return _ClientOf(url, "operator", mode, SecurityPolicyBasic256Sha256, None)


async def test_what_is_on_the_screen_can_be_acknowledged_after_the_gateway_was_killed(tmp_path: Path) -> None:
    port = free_ports(1)
    with (
        plcs(tmp_path / "plant", "tutorial") as field,
        Service(tmp_path / "data", "tutorial", field.endpoints) as service,
    ):
        service.start_ready()
        with gateway(service, port) as (program, url):
            async with operator_at(url) as client:
                desk = Operator(client)
                await desk.looks()
                field.program.kill()
                heard = await desk.hears(
                    lambda so_far: any(one["ConditionName"] == LINK for one in so_far), PATIENCE_S
                )
                lost = next(one for one in heard if one["ConditionName"] == LINK)
                assert lost["EventType"] == standard(ua.ObjectIds.SystemOffNormalAlarmType)
                assert lost["SourceNode"] == of_plant("PLC/R")
                assert any(
                    one["SourceNode"] == of_plant("PLC/R") and not one["ConditionName"] for one in heard
                )
            program.kill()
        with gateway(service, port) as (_, url):
            async with operator_at(url) as client:
                desk = Operator(client)
                await desk.looks()
                shown = {one["ConditionName"]: one for one in await desk.refreshes()}
                assert shown[LINK]["EventId"] == lost["EventId"]
                method = standard(ua.ObjectIds.AcknowledgeableConditionType_Acknowledge)
                asked = await desk.calls(LINK, method, octets(lost["EventId"]), text("cable cut"))
                assert asked == "Good"
                await desk.hears(
                    lambda so_far: any(one["AckedState/Id"] for one in so_far if one["ConditionName"] == LINK)
                )
        written = service.story.events("alarm.acknowledged", LINK)[-1]
        assert (written.data["user"], written.data["reason"]) == ("operator", "cable cut")
