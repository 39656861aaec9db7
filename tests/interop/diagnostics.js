// node-opcua's client reads the server's diagnostics: `node diagnostics.js FOLDER URL APPLICATION-URI`.
// Prints one JSON line per scene: {"scene": ..., "says": ...}. FOLDER holds its certificates.
"use strict";
const {
    MessageSecurityMode, ClientSubscription, ClientMonitoredItem, TimestampsToReturn, AttributeIds,
} = require("node-opcua-client");
const { url, tell, demo, trustList, secured } = require("./peer");


const browsed = async (session, nodeId) => (await session.browse({
    nodeId, referenceTypeId: "HasComponent", includeSubtypes: true, resultMask: 63,
})).references;

// Without what differs from one look to the next.
function steady(row) {
    const { clientLastContactTime, ...rest } = JSON.parse(JSON.stringify(row));
    return JSON.stringify(rest);
}

// Its own session below SessionsDiagnosticsSummary: name, type, parts, and whether these say what the array says.
async function sessionObject(session, value) {
    const found = await browsed(session, "i=3706");
    const own = found.find((one) => one.nodeId.toString() === session.sessionId.toString());
    const parts = {};
    for (const part of await browsed(session, own.nodeId)) parts[part.browseName.toString()] = part;
    const fields = await browsed(session, parts.SessionDiagnostics.nodeId);
    const nodes = ["i=3707", parts.SessionDiagnostics.nodeId, ...fields.map((one) => one.nodeId), "i=3707"];
    let array, whole, values, last;
    const mine = (rows) => rows.value.value.find((one) => one.sessionId.toString() === session.sessionId.toString());
    do {  // until no other request was counted in between
        const read = await session.read(nodes.map((nodeId) => ({ nodeId, attributeId: AttributeIds.Value })));
        [array, whole, ...values] = read;
        last = values.pop();
    } while (steady(mine(array)) !== steady(mine(last)));
    const differ = fields.filter((field, at) => {
        const name = field.browseName.name[0].toLowerCase() + field.browseName.name.slice(1);
        const said = JSON.stringify(values[at].value.value);
        return name !== "clientLastContactTime" && said !== JSON.stringify(mine(array)[name]);
    });
    const security = await browsed(session, parts.SessionSecurityDiagnostics.nodeId);
    const user = security.find((one) => one.browseName.name === "ClientUserIdOfSession");
    return {
        name: own.browseName.name === mine(array).sessionName, index: own.browseName.namespaceIndex,
        type: own.typeDefinition.toString(),
        parts: Object.entries(parts).map(([name, part]) => [name, part.typeDefinition.toString()]),
        fields: fields.length, typed: fields.every((one) => one.typeDefinition.toString() === "ns=0;i=63"),
        same: steady(whole.value.value) === steady(mine(array)), differ: differ.map((one) => one.browseName.name),
        user: await value(user.nodeId), security: (await value(parts.SessionSecurityDiagnostics.nodeId)).encoding,
        subscriptions: (await value(parts.SubscriptionDiagnosticsArray.nodeId)).map((one) => one.monitoredItemCount),
    };
}

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
    tell("session object", await sessionObject(session, value));
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
