// node-opcua's client reads the server's diagnostics: `node diagnostics.js FOLDER URL APPLICATION-URI`.
// Prints one JSON line per scene: {"scene": ..., "says": ...}. FOLDER holds its certificates.
"use strict";
const {
    MessageSecurityMode, ClientSubscription, ClientMonitoredItem, TimestampsToReturn, AttributeIds,
} = require("node-opcua-client");
const { url, tell, demo, trustList, secured } = require("./peer");


async function main() {
    const certificates = await trustList();
    const client = secured(certificates);
    await client.connect(url);
    const session = await client.createSession(demo("admin"));
    const subscription = await ClientSubscription.create(session, {
        requestedPublishingInterval: 100, requestedLifetimeCount: 1000, requestedMaxKeepAliveCount: 10,
        maxNotificationsPerPublish: 100, publishingEnabled: true, priority: 1,
    });
    for (const nodeId of ["ns=2;s=PT-303", "i=2258"]) {
        const item = ClientMonitoredItem.create(
            subscription, { nodeId, attributeId: AttributeIds.Value },
            { samplingInterval: 250, queueSize: 1, discardOldest: true }, TimestampsToReturn.Both,
        );
        await new Promise((resolve, reject) => { item.on("initialized", resolve); item.on("err", reject); });
    }
    const value = async (nodeId) => {
        const read = await session.read({ nodeId, attributeId: AttributeIds.Value });
        if (!read.statusCode.isGood()) throw new Error(`${nodeId}: ${read.statusCode}`);
        return read.value.value;
    };
    tell("security", (await value("i=3708")).map((one) => [
        one.clientUserIdOfSession, one.clientUserIdHistory, one.authenticationMechanism, one.encoding,
        one.transportProtocol, MessageSecurityMode[one.securityMode], one.securityPolicyUri.split("#")[1],
        one.clientCertificate.length > 500,
    ]));
    tell("sessions", (await value("i=3707")).length);
    tell("subscriptions", (await value("i=2290")).map((one) => [one.publishingInterval, one.monitoredItemCount]));
    tell("sampling", (await value("i=2289")).map((one) => [one.samplingInterval, one.monitoredItemCount]));
    const summary = await value("i=2275");
    tell("summary", [summary.currentSessionCount, summary.currentSubscriptionCount]);
    const found = await session.browse({ nodeId: "i=11715", referenceTypeId: "HasComponent", resultMask: 63 });
    const namespaces = [];
    for (const reference of found.references) {
        const parts = await session.browse({ nodeId: reference.nodeId, referenceTypeId: "HasProperty", resultMask: 63 });
        const known = {};
        for (const part of parts.references) known[part.browseName.name] = part.nodeId;
        const types = await session.read({ nodeId: known.StaticNodeIdTypes, attributeId: AttributeIds.Value });
        namespaces.push([
            await value(known.NamespaceUri), await value(known.NamespaceVersion), await value(known.IsNamespaceSubset),
            Array.from(types.value.value || []),
        ]);
    }
    tell("namespaces", namespaces);
    await client.disconnect();
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
