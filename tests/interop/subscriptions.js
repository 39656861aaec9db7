// node-opcua's client as the judge of subscriptions: `node subscriptions.js FOLDER URL APPLICATION-URI`.
// Prints {"do": ...} when the plant shall move (and goes on when a line comes back on stdin), and one JSON line
// per scene: {"scene": ..., "says": ...}. FOLDER holds its certificates.
"use strict";
const {
    ClientSubscription, ClientMonitoredItem, TimestampsToReturn, AttributeIds, constructEventFilter, ofType,
    MonitoringMode, DataChangeFilter, DataChangeTrigger, DeadbandType, ContentFilter, FilterOperator,
    LiteralOperand, ElementOperand, SimpleAttributeOperand, EventFilter, SetTriggeringRequest, Variant,
    DataType, resolveNodeId,
} = require("node-opcua-client");
const readline = require("readline");
const { url, tell, failure, demo, trustList, secured } = require("./peer");

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const TAG = (name) => `ns=2;s=${name}`;
const SERVER = "i=2253";

async function move(...what) {
    console.log(JSON.stringify({ do: what }));
    await lines.next();
}

// Everything an emitter says, and a promise for when `count` came.
function collect(emitter, event, make = (...each) => each[0]) {
    const got = [];
    let wake = () => {};
    emitter.on(event, (...each) => { got.push(make(...each)); wake(); });
    got.until = async (count) => {
        while (got.length < count) {
            await new Promise((resolve, reject) => {
                wake = resolve;
                setTimeout(() => reject(new Error(`${event}: ${got.length} of ${count} came`)), 20000).unref();
            });
        }
        return got.slice();
    };
    return got;
}

const callback = (make) => new Promise((resolve, reject) => make((error, result) => (error ? reject(error) : resolve(result))));

function connection(certificates) {
    return secured(certificates, { requestedSessionTimeout: 30000 });
}

const operator = demo("operator");
const subscribe = (session, more = {}) => ClientSubscription.create(session, {
    requestedPublishingInterval: 100, requestedLifetimeCount: 100, requestedMaxKeepAliveCount: 2,
    maxNotificationsPerPublish: 100, publishingEnabled: true, priority: 1, ...more,
});

async function monitor(subscription, nodeId, parameters = {}, attributeId = AttributeIds.Value) {
    const item = ClientMonitoredItem.create(
        subscription, { nodeId, attributeId },
        { samplingInterval: 0, queueSize: 20, discardOldest: true, ...parameters }, TimestampsToReturn.Both,
    );
    await new Promise((resolve, reject) => { item.on("initialized", resolve); item.on("err", (text) => reject(new Error(text))); });
    return item;
}

async function changes(subscription) {
    const value = (each) => each.value.value;
    const plain = await monitor(subscription, TAG("T0001"));
    const all = collect(plain, "changed", (each) => [value(each), each.statusCode.name, each.sourceTimestamp !== null]);
    const band = (deadbandType, deadbandValue) => new DataChangeFilter({
        trigger: DataChangeTrigger.StatusValue, deadbandType, deadbandValue,
    });
    const absolute = collect(await monitor(subscription, TAG("T0001"), { filter: band(DeadbandType.Absolute, 1) }), "changed", value);
    const percent = collect(await monitor(subscription, TAG("T0001"), { filter: band(DeadbandType.Percent, 10) }), "changed", value);
    await Promise.all([all.until(1), absolute.until(1), percent.until(1)]);
    await move("T0001", 1.5, 2.5, 2.6, 7, 7.1, 20);
    await Promise.all([all.until(7), absolute.until(4), percent.until(3)]);
    tell("changes", all.slice());
    tell("absolute deadband", absolute.slice());
    tell("percent deadband", percent.slice());
    try {
        await monitor(subscription, TAG("LABEL"), { filter: band(DeadbandType.Percent, 10) });
        tell("deadband of a text", "taken");
    } catch (error) {
        tell("deadband of a text", failure(error));
    }
}

async function overflow(subscription) {
    const item = await monitor(subscription, TAG("T0002"), { queueSize: 3 });
    const got = collect(item, "changed", (each) => [each.value.value, each.statusCode.hasOverflowBit]);
    await got.until(1);
    await move("T0002", 2, 3, 4, 5, 6);
    await got.until(4);
    tell("overflow", got.slice(1));
}

async function events(subscription) {
    const fields = ["Message", "Severity", "EventType", "ConditionId", ["ActiveState", "Id"]];
    const read = (each) => [each[0].value.text, each[1].value, String(each[3].value), each[4].value];
    const alarms = collect(await monitor(subscription, SERVER, { filter: constructEventFilter(fields, ofType("AcknowledgeableConditionType")) },
        AttributeIds.EventNotifier), "changed", read);
    const base = resolveNodeId("i=2041");
    const field = (...names) => new SimpleAttributeOperand({
        typeDefinitionId: base, browsePath: names.map((name) => ({ name })), attributeId: AttributeIds.Value,
    });
    const literal = (dataType, value) => new LiteralOperand({ value: new Variant({ dataType, value }) });
    const whereClause = new ContentFilter({
        elements: [
            { filterOperator: FilterOperator.And, filterOperands: [new ElementOperand({ index: 1 }), new ElementOperand({ index: 2 })] },
            { filterOperator: FilterOperator.Like, filterOperands: [field("SourceName"), literal(DataType.String, "LT-%")] },
            { filterOperator: FilterOperator.Between, filterOperands: [field("Severity"), literal(DataType.UInt16, 600), literal(DataType.Int32, 800)] },
        ],
    });
    const chosen = collect(await monitor(subscription, SERVER,
        { filter: new EventFilter({ selectClauses: [field("Message"), field("Severity")], whereClause }) }, AttributeIds.EventNotifier),
    "changed", (each) => [each[0].value.text, each[1].value]);
    await move("events");
    await Promise.all([alarms.until(3), chosen.until(1)]);
    tell("alarms", alarms.slice());
    tell("where", chosen.slice());
    const circle = new ContentFilter({
        elements: [{ filterOperator: FilterOperator.Not, filterOperands: [new ElementOperand({ index: 0 })] }],
    });
    try {
        await monitor(subscription, SERVER, { filter: new EventFilter({ selectClauses: [field("Message")], whereClause: circle }) },
            AttributeIds.EventNotifier);
        tell("circle", "taken");
    } catch (error) {
        tell("circle", failure(error));
    }
}

async function triggered(session, subscription) {
    const trigger = await monitor(subscription, TAG("T0003"));
    const first = collect(trigger, "changed", (each) => each.value.value);
    const dependent = await monitor(subscription, TAG("T0004"));
    const got = collect(dependent, "changed", (each) => each.value.value);
    await Promise.all([first.until(1), got.until(1)]);
    await session.setMonitoringMode({
        subscriptionId: subscription.subscriptionId, monitoringMode: MonitoringMode.Sampling,
        monitoredItemIds: [dependent.monitoredItemId],
    });
    await session.setTriggering(new SetTriggeringRequest({
        subscriptionId: subscription.subscriptionId, triggeringItemId: trigger.monitoredItemId,
        linksToAdd: [dependent.monitoredItemId],
    }));
    await move("T0004", 8);
    await new Promise((resolve) => subscription.once("keepalive", resolve));
    const before = got.length;
    await move("T0003", 9);
    await Promise.all([first.until(2), got.until(2)]);
    tell("triggering", [before, first.slice(), got.slice()]);
}

// Without the client's own machinery: one request, one answer.
async function bare(client, session) {
    const made = await session.createSubscription({
        requestedPublishingInterval: 100, requestedLifetimeCount: 100, requestedMaxKeepAliveCount: 2,
        maxNotificationsPerPublish: 0, publishingEnabled: true, priority: 0,
    });
    const { subscriptionId } = made;
    const publish = (acknowledged = []) => callback((done) => session.publish({ subscriptionAcknowledgements: acknowledged }, done));
    await callback((done) => session.createMonitoredItems({
        subscriptionId, timestampsToReturn: TimestampsToReturn.Both, itemsToCreate: [{
            itemToMonitor: { nodeId: TAG("T0005"), attributeId: AttributeIds.Value }, monitoringMode: MonitoringMode.Reporting,
            requestedParameters: { clientHandle: 1, samplingInterval: 0, queueSize: 10, discardOldest: true },
        }],
    }, done));
    const sequence = (await publish()).notificationMessage.sequenceNumber;
    const republish = (retransmitSequenceNumber) => callback((done) => session.republish({ subscriptionId, retransmitSequenceNumber }, done))
        .then((response) => response.notificationMessage.notificationData[0].monitoredItems[0].value.value.value, failure);
    tell("republish", [await republish(sequence), await republish(99)]);
    const other = await client.createSession(operator);
    const taken = await other.transferSubscriptions({ subscriptionIds: [subscriptionId, 99999], sendInitialValues: true });
    tell("transfer", taken.results.map((each) => [each.statusCode.name, each.availableSequenceNumbers || []]));
    const told = await publish();
    tell("transferred", told.notificationMessage.notificationData[0].status.name);
    const publishThere = () => callback((done) => other.publish({ subscriptionAcknowledgements: [] }, done));
    const initial = await publishThere();
    tell("initial", initial.notificationMessage.notificationData[0].monitoredItems[0].value.value.value);
    const short = await other.createSubscription({
        requestedPublishingInterval: 100, requestedLifetimeCount: 3, requestedMaxKeepAliveCount: 1,
        maxNotificationsPerPublish: 0, publishingEnabled: true, priority: 0,
    });
    await move("expired", short.subscriptionId);
    let end = await publishThere();
    while (!(end.notificationMessage.notificationData || []).some((each) => each.status !== undefined)) {
        end = await publishThere();
    }
    tell("life-time", [end.subscriptionId === short.subscriptionId, end.notificationMessage.notificationData[0].status.name]);
    await other.close(true);
}

async function main() {
    const certificates = await trustList();
    const client = connection(certificates);
    await client.connect(url);
    const session = await client.createSession(operator);
    const subscription = subscribe(session);
    await new Promise((resolve) => subscription.on("started", resolve));
    await new Promise((resolve) => subscription.once("keepalive", resolve));
    tell("keep-alive", true);
    await changes(subscription);
    await overflow(subscription);
    await events(subscription);
    await triggered(session, subscription);
    await subscription.terminate();
    await session.close();
    const raw = await client.createSession(operator);
    await bare(client, raw);
    await raw.close();
    await client.disconnect();
    await certificates.dispose();
    process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
