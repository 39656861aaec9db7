// node-opcua's client as the judge of history: `node history.js FOLDER URL APPLICATION-URI`.
// Prints one JSON line per scene: {"scene": ..., "says": ...}. What is recorded: tests/system/gateway_historic.py.
"use strict";
const {
    AggregateFunction, HistoryReadRequest, ReadAtTimeDetails, ReadEventDetails, TimestampsToReturn,
    constructEventFilter, readHistoryServerCapabilities, HistoryUpdateRequest,
} = require("node-opcua-client");
const { DeleteRawModifiedDetails, ReadRawModifiedDetails } = require("node-opcua-types");
const { url, tell, demo, trustList, secured } = require("./peer");

const LEVEL = "ns=2;s=LT-201";
const SWITCH = "ns=2;s=HS-390.R";
const START = Date.UTC(2026, 0, 5, 1);
const at = (minute) => new Date(START + minute * 60000);
const minutes = (value) => Math.round((value.sourceTimestamp.getTime() - START) / 600) / 100;
const row = (value) => [minutes(value), value.value.value ?? null, value.statusCode.name];

async function pages(session, node, options) {
    const sizes = [];
    const values = [];
    let continuationPoint;
    do {
        const result = await session.readHistoryValue({ nodeId: node, continuationPoint }, at(0), at(360), options);
        sizes.push(result.historyData.dataValues.length);
        values.push(...result.historyData.dataValues);
        continuationPoint = result.continuationPoint;
    } while (continuationPoint && continuationPoint.length);
    return { sizes, rising: values.every((value, n) => n === 0 || value.sourceTimestamp > values[n - 1].sourceTimestamp) };
}

async function events(session, from, to, number) {
    const request = new HistoryReadRequest({
        historyReadDetails: new ReadEventDetails({
            startTime: from, endTime: to, numValuesPerNode: number,
            filter: constructEventFilter(["Time", "Message", "Severity", "SourceName"]),
        }),
        timestampsToReturn: TimestampsToReturn.Neither,
        nodesToRead: [{ nodeId: "i=2253" }],
    });
    const result = (await session.historyRead(request)).results[0];
    const told = result.historyData.events.map((event) => [event.eventFields[1].value.text, event.eventFields[2].value]);
    return { status: result.statusCode.name, told, more: Boolean(result.continuationPoint && result.continuationPoint.length) };
}

async function judge(session) {
    const raw = await session.readHistoryValue(LEVEL, at(10.1), at(10.4), { returnBounds: false });
    tell("raw", raw.historyData.dataValues.map(row));
    const bounded = await session.readHistoryValue(LEVEL, at(10.1), at(10.4), { returnBounds: true });
    tell("bounds", bounded.historyData.dataValues.map((value) => minutes(value)));
    const early = await session.readHistoryValue(LEVEL, at(-9), at(0.1), { returnBounds: true });
    tell("no bound", row(early.historyData.dataValues[0]));
    const backward = await session.readHistoryValue(LEVEL, at(10.4), at(10.1), { numValuesPerNode: 1, returnBounds: false });
    tell("backward", [backward.historyData.dataValues.map((value) => minutes(value)), backward.continuationPoint.length > 0]);
    tell("pages", await pages(session, LEVEL, { numValuesPerNode: 500, returnBounds: false }));
    const states = await session.readHistoryValue(SWITCH, at(0), at(360), { returnBounds: false });
    tell("states", states.historyData.dataValues.map((value) => value.value.value));
    const empty = await session.readHistoryValue(LEVEL, at(-9), at(-8), { returnBounds: false });
    tell("nothing", empty.statusCode.name);
    // readHistoryValue of this client has an option for it, and sends false all the same.
    const [modified] = (await session.historyRead(new HistoryReadRequest({
        historyReadDetails: new ReadRawModifiedDetails({ isReadModified: true, startTime: at(0), endTime: at(360) }),
        timestampsToReturn: TimestampsToReturn.Both,
        nodesToRead: [{ nodeId: LEVEL }],
    }))).results;
    tell("modified", [
        modified.historyData.schema.name,
        modified.historyData.dataValues.map((value) => [value.sourceTimestamp.getUTCFullYear(), value.value.value]),
        modified.historyData.modificationInfos.map((info) => [info.userName, (info.modificationTime.getTime() - START) / 60000]),
    ]);
    const unknown = await session.readHistoryValue(["ns=2;s=NO-1", "i=2253", LEVEL], at(0), at(0.1));
    tell("each node its own", unknown.map((result) => result.statusCode.name));

    const average = await session.readAggregateValue({ nodeId: LEVEL }, at(99), at(102), AggregateFunction.Average, 60000);
    tell("average", average.historyData.dataValues.map(row));
    const running = await session.readAggregateValue({ nodeId: SWITCH }, at(0), at(240), AggregateFunction.DurationInStateNonZero, 3600000);
    tell("running hours", running.historyData.dataValues.map(row));
    const several = await session.readAggregateValue(
        [{ nodeId: LEVEL }, { nodeId: LEVEL }], at(0), at(60), [AggregateFunction.Minimum, AggregateFunction.Maximum], 3600000);
    tell("several", several.map((result) => result.historyData.dataValues[0].value.value));
    const backwards = await session.readAggregateValue({ nodeId: LEVEL }, at(120), at(0), AggregateFunction.Count, 3600000);
    tell("aggregates backward", backwards.historyData.dataValues.map((value) => [minutes(value), value.value.value]));
    const none = await session.readAggregateValue({ nodeId: LEVEL }, at(0), at(60), AggregateFunction.AnnotationCount, 3600000);
    tell("no such aggregate", none.statusCode.name);

    const request = new HistoryReadRequest({
        historyReadDetails: new ReadAtTimeDetails({ reqTimes: [at(5), at(5 + 55 / 60), at(-1)], useSimpleBounds: false }),
        timestampsToReturn: TimestampsToReturn.Source,
        nodesToRead: [{ nodeId: LEVEL }],
    });
    tell("at time", (await session.historyRead(request)).results[0].historyData.dataValues.map(row));

    tell("events", await events(session, at(-1), at(360), 0));
    tell("newest events", await events(session, new Date(Date.UTC(1601, 0, 1)), at(360), 2));
    tell("a page of events", await events(session, at(-1), at(360), 2));

    const capabilities = await readHistoryServerCapabilities(session);
    tell("capabilities", Object.entries(capabilities).filter(([, value]) => value && value.value === true).map(([name]) => name));
    const functions = await session.browse({ nodeId: "i=11201", referenceTypeId: "i=33", includeSubtypes: true, resultMask: 63 });
    tell("aggregate functions", functions.references.map((reference) => reference.browseName.name).includes("TimeAverage"));
    const update = new HistoryUpdateRequest({
        historyUpdateDetails: [new DeleteRawModifiedDetails({ nodeId: LEVEL, startTime: at(0), endTime: at(1) })],
    });
    const refused = await new Promise((resolve, reject) => {
        session.performMessageTransaction(update, (error, response) => (error ? reject(error) : resolve(response)));
    });
    tell("nothing is changed", refused.results.map((result) => result.statusCode.name));
}

async function main() {
    const certificates = await trustList();
    const client = secured(certificates);
    await client.connect(url);
    const session = await client.createSession(demo("viewer"));
    try {
        await judge(session);
    } finally {
        await session.close();
        await client.disconnect();
    }
    process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
