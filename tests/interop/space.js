// node-opcua's client walks the plant: `node space.js FOLDER URL APPLICATION-URI`.
// Prints one JSON line per scene: {"scene": ..., "says": ...}. FOLDER holds its certificates.
"use strict";
const { AttributeIds, BrowseDirection, DataType, makeBrowsePath } = require("node-opcua-client");
const { url, tell, demo, trustList, secured } = require("./peer");

const plant = (id) => `ns=2;s=${id}`;

async function crawl(session) {
    const waiting = [plant("Plant")], seen = new Set(waiting), classes = {};
    while (waiting.length) {
        const nodes = waiting.splice(0, 100);
        const results = await session.browse(nodes.map((nodeId) => ({
            nodeId, browseDirection: BrowseDirection.Forward, referenceTypeId: "HierarchicalReferences",
            includeSubtypes: true, resultMask: 63,
        })));
        for (let result of results) {
            if (!result.statusCode.isGood()) throw new Error(`browse: ${result.statusCode}`);
            let references = result.references;
            while (result.continuationPoint && result.continuationPoint.length) {
                result = await session.browseNext(result.continuationPoint, false);
                references = references.concat(result.references);
            }
            for (const reference of references) {
                const id = reference.nodeId.toString();
                if (seen.has(id) || reference.nodeId.namespace !== 2) continue;
                seen.add(id);
                waiting.push(id);
                classes[reference.nodeClass] = (classes[reference.nodeClass] || 0) + 1;
            }
        }
    }
    return { seen: [...seen], classes };
}

async function main() {
    const certificates = await trustList();
    const client = secured(certificates);
    await client.connect(url);
    const session = await client.createSession(demo("operator"));

    const { seen, classes } = await crawl(session);
    tell("nodes", seen.length);
    tell("methods", classes[4]);

    // Every attribute of every node decodes, and has a status that a client understands.
    const attributes = Object.keys(AttributeIds).map(Number).filter((id) => id >= 1 && id <= 22);
    const odd = {};
    for (let at = 0; at < seen.length; at += 50) {
        const nodes = seen.slice(at, at + 50).flatMap((nodeId) =>
            attributes.map((attributeId) => ({ nodeId, attributeId })));
        const values = await session.read(nodes);
        for (const value of values) {
            const name = value.statusCode.name;
            if (!["Good", "BadAttributeIdInvalid", "BadWaitingForInitialData"].includes(name)) {
                odd[name] = (odd[name] || 0) + 1;
            }
        }
    }
    tell("odd", odd);

    const unit = await session.read({ nodeId: plant("LT-201/EngineeringUnits"), attributeId: AttributeIds.Value });
    tell("unit", unit.value.value.unitId);
    const range = await session.read({ nodeId: plant("LT-201/EURange"), attributeId: AttributeIds.Value });
    tell("range", [range.value.value.low, range.value.value.high]);

    const found = await session.translateBrowsePath(
        makeBrowsePath("RootFolder", "/Objects/2:tutorial/2:Interlocks/2:S-01/3:Bypass/3:MaxTime"));
    tell("path", found.targets[0].targetId.toString());
    const arguments_ = await session.getArgumentDefinition(plant("Interlock/S-01/Bypass/Request"));
    tell("arguments", arguments_.inputArguments.map((one) => one.name));

    const written = await session.write({
        nodeId: plant("PT-303"), attributeId: AttributeIds.Value,
        value: { value: { dataType: DataType.Double, value: 1 } },
    });
    tell("write", written.name);
    const called = await session.call({
        objectId: plant("Interlock/S-01"), methodId: plant("Interlock/S-01/Reset"),
        inputArguments: [{ dataType: DataType.String, value: "seen to be well" }],
    });
    tell("call", called.statusCode.name);
    const wrong = await session.call({
        objectId: plant("Interlock/S-01"), methodId: plant("Interlock/S-01/Reset"), inputArguments: [],
    });
    tell("call without arguments", wrong.statusCode.name);

    await session.close();
    await client.disconnect();
    process.exit(0);
}

main().catch((error) => {
    tell("failure", error.stack);
    process.exit(1);
});
