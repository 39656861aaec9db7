// The node-opcua client, as client.py measures the others: node client.js ENDPOINT ITEMS NORMAL_MS WARM_S FOR_S
"use strict";
const modules = require("path").join(__dirname, "../interop/node_modules/");
const { OPCUAClient, ClientSubscription, ClientMonitoredItemGroup } = require(modules + "node-opcua-client");
const { AttributeIds } = require(modules + "node-opcua-data-model");
const { TimestampsToReturn } = require(modules + "node-opcua-data-value");

const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

async function main() {
    const endpoint = process.argv[2];
    const [items, normalMs, warmS, forS] = process.argv.slice(3).map(Number);
    const client = OPCUAClient.create({ endpointMustExist: false, keepSessionAlive: false });
    await client.connect(endpoint);
    const session = await client.createSession();
    const index = (await session.readNamespaceArray()).indexOf("urn:load");
    const subscription = ClientSubscription.create(session, {
        requestedPublishingInterval: normalMs, requestedLifetimeCount: 1000, requestedMaxKeepAliveCount: 10,
        maxNotificationsPerPublish: 20000, publishingEnabled: true, priority: 1,
    });
    let changes = 0, lags = [];
    for (let start = 0; start < items; start += 1000) {
        const nodes = [];
        for (let n = start; n < Math.min(items, start + 1000); n++) {
            nodes.push({ nodeId: `ns=${index};s=T${n}`, attributeId: AttributeIds.Value });
        }
        const group = ClientMonitoredItemGroup.create(
            subscription, nodes, { samplingInterval: 0, queueSize: 10, discardOldest: true }, TimestampsToReturn.Both,
        );
        group.on("changed", (item, value, at) => {
            changes++;
            if (start + at === items - 1) lags.push(Date.now() - value.sourceTimestamp.getTime());
        });
        await new Promise((done) => group.on("initialized", done));
    }
    await sleep(warmS);
    changes = 0, lags = [];
    const cpu = process.cpuUsage(), since = process.hrtime.bigint();
    await sleep(forS);
    const used = process.cpuUsage(cpu);
    console.log(JSON.stringify({
        changes, cpu_s: (used.user + used.system) / 1e6, wall_s: Number(process.hrtime.bigint() - since) / 1e9, lags_ms: lags,
    }));
    process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
