// node-opcua's client stays while the plant changes: `node reload.js FOLDER URL APPLICATION-URI`.
// It reads, monitors PT-204 and the Server's events, and prints one JSON line per scene when all was told.
"use strict";
const {
    ClientSubscription, ClientMonitoredItem, TimestampsToReturn, AttributeIds, constructEventFilter,
} = require("node-opcua-client");
const { url, tell, demo, trustList, secured } = require("./peer");

const TAG = "ns=2;s=PT-204", SEMANTICS_CHANGED = 0x4000, PATIENCE_MS = 60000;

async function main() {
    const certificates = await trustList();
    const client = secured(certificates);
    let lost = 0;
    client.on("connection_lost", () => { lost += 1; });
    await client.connect(url);
    const session = await client.createSession(demo("operator"));
    const range = async () => (await session.read({ nodeId: `${TAG}/EURange` })).value.value.high;
    const before = await range();
    const subscription = await ClientSubscription.create(session, {
        requestedPublishingInterval: 100, requestedLifetimeCount: 1000, requestedMaxKeepAliveCount: 10,
        maxNotificationsPerPublish: 100, publishingEnabled: true, priority: 1,
    });
    const told = { marks: 0, last: null, model: null, semantic: null };
    let wake = () => {};
    const value = ClientMonitoredItem.create(
        subscription, { nodeId: TAG, attributeId: AttributeIds.Value },
        { samplingInterval: 0, queueSize: 20, discardOldest: true }, TimestampsToReturn.Both,
    );
    value.on("changed", (each) => {
        if (each.statusCode.value & SEMANTICS_CHANGED) told.marks += 1;
        told.last = [each.value.value, each.statusCode.name];
        wake();
    });
    const events = ClientMonitoredItem.create(
        subscription, { nodeId: "i=2253", attributeId: AttributeIds.EventNotifier },
        { queueSize: 100, discardOldest: true, filter: constructEventFilter(["EventType", "Changes"]) },
        TimestampsToReturn.Both,
    );
    events.on("changed", ([type, changes]) => {
        const id = type.value.toString();
        const rows = () => changes.value.map((one) => [one.affected.toString(), one.verb]);
        if (id === "ns=0;i=2133") told.model = rows();
        if (id === "ns=0;i=2738") told.semantic = rows();
        wake();
    });
    const end = Date.now() + PATIENCE_MS;
    while (!(told.model && told.semantic && told.marks && told.last[0] === 35) && Date.now() < end) {
        await new Promise((resolve) => { wake = resolve; setTimeout(resolve, 1000); });
    }
    tell("ranges", [before, await range()]);
    tell("marks", told.marks);
    tell("last", told.last);
    tell("model", told.model);
    tell("semantic", told.semantic);
    tell("lost", lost);
    await client.disconnect();
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
