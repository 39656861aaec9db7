// node-opcua's client as the judge of alarms: `node alarms.js FOLDER URL APPLICATION-URI`.
// Prints {"scene": ..., "says": ...} lines, and {"want": {tag: value}} for what the plant is to do next.
"use strict";
const {
    AttributeIds, TimestampsToReturn, constructEventFilter, ofType, callConditionRefresh,
    installAlarmMonitoring, uninstallAlarmMonitoring, resolveNodeId, ReferenceTypeIds, DataType,
    BrowseDirection,
} = require("node-opcua-client");
const { url, tell, demo, trustList, secured } = require("./peer");

const HH = resolveNodeId("ns=2;s=LT-201.HH");
const H = resolveNodeId("ns=2;s=LT-201.H");
const at = (node, rest) => resolveNodeId(`ns=2;s=${node.value}/${rest}`);
const want = (values) => console.log(JSON.stringify({ want: values }));
const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
const octets = (value) => ({ dataType: DataType.ByteString, value });
const text = (value) => ({ dataType: DataType.LocalizedText, value: { text: value, locale: "en" } });
const double = (value) => ({ dataType: DataType.Double, value });
const number = (value) => ({ dataType: DataType.UInt32, value });

async function until(look) {
    const end = Date.now() + 20000;
    while (Date.now() < end) {
        const found = look();
        if (found) { return found; }
        await pause();
    }
    throw new Error(`it never came: ${look}`);
}

async function connected(user, certificates, act) {
    const client = secured(certificates, { requestedSessionTimeout: 60000 });
    await client.connect(url);
    const session = await client.createSession(demo(user));
    try {
        await act(session);
    } finally {
        await session.close();
        await client.disconnect();
    }
}

async function called(session, objectId, methodId, ...inputArguments) {
    const result = await session.call({ objectId, methodId, inputArguments });
    return result.statusCode.name;
}

// --- node-opcua's own alarm list ------------------------------------------------------------------

async function theAlarmList(session) {
    want({ "LT-201": 96 });
    const list = await installAlarmMonitoring(session);
    const alarm = (node) => [...list.alarms()].find((one) => one.conditionId.toString() === node.toString() && one.fields.branchId.value.isEmpty());
    const inside = (found, name) => name.split(".").reduce((here, part) => here && here[part], found && found.fields)?.value;
    const field = (node, name) => inside(alarm(node), name);
    await until(() => field(HH, "activeState.id") === true && field(H, "activeState.id") === true);
    const high = alarm(HH);
    tell("list: an alarm that came", {
        type: high.eventType.toString(), acked: field(HH, "ackedState.id"), confirmed: field(HH, "confirmedState.id"),
        retain: high.getRetain(), name: field(HH, "conditionName"), severity: field(HH, "severity"),
        source: field(HH, "sourceName"), enabled: field(HH, "enabledState.id"), input: field(HH, "inputNode").toString(),
        suppressed: field(HH, "suppressedOrShelved"), shelf: field(HH, "shelvingState.currentState").text,
    });
    tell("acknowledgeCondition", (await session.acknowledgeCondition(HH, high.eventId, "valve shut")).name);
    await until(() => field(HH, "ackedState.id"));
    tell("list: acknowledged", [field(HH, "confirmedState.id"), field(HH, "comment").text, field(HH, "clientUserId")]);
    tell("acknowledge twice", (await session.acknowledgeCondition(HH, high.eventId, "again")).name);
    tell("addCommentCondition", (await session.addCommentCondition(HH, alarm(HH).eventId, "called the driver")).name);
    await until(() => field(HH, "comment").text === "called the driver");
    tell("confirmCondition", (await session.confirmCondition(HH, alarm(HH).eventId, "done")).name);
    await until(() => field(HH, "confirmedState.id"));
    tell("confirm twice", (await session.confirmCondition(HH, alarm(HH).eventId, "again")).name);
    tell("an event id of nobody", (await session.acknowledgeCondition(HH, Buffer.alloc(16), "?")).name);
    want({ "LT-201": 50 });
    await until(() => field(HH, "activeState.id") === false);
    tell("list: latched", [field(HH, "latchedState.id"), alarm(HH).getRetain()]);
    tell("Reset", await called(session, HH, at(HH, "Reset")));
    await until(() => !alarm(HH) || !alarm(HH).getRetain());
    tell("Reset twice", await called(session, HH, at(HH, "Reset")));
    tell("list: gone, not acknowledged", [field(H, "activeState.id"), field(H, "ackedState.id"), alarm(H).getRetain()]);
    await uninstallAlarmMonitoring(session);
}

// --- events with filters, refresh ---------------------------------------------------------------------

const FIELDS = ["EventType", "ConditionName", "EventId", "BranchId", "Retain", "ActiveState.Id", "AckedState.Id", "Message"];

async function watching(session, where, node = "i=2253") {
    const subscription = await session.createSubscription2({
        requestedPublishingInterval: 100, requestedLifetimeCount: 100, requestedMaxKeepAliveCount: 10,
        maxNotificationsPerPublish: 0, publishingEnabled: true,
    });
    const heard = [];
    const item = await subscription.monitor(
        { nodeId: node, attributeId: AttributeIds.EventNotifier },
        { filter: constructEventFilter(FIELDS, where), queueSize: 5000, discardOldest: true },
        TimestampsToReturn.Neither,
    );
    item.on("changed", (values) => heard.push(Object.fromEntries(FIELDS.map((name, place) => [name, values[place].value]))));
    return { subscription, item, heard, types: () => heard.map((one) => one.EventType.toString()) };
}

const START = "i=2787", END = "i=2788";
const ended = (watch, times = 1) => until(() => watch.types().filter((one) => one.endsWith(END)).length >= times);

async function filtersAndRefresh(session) {
    const all = await watching(session);
    const limits = await watching(session, ofType(resolveNodeId("LimitAlarmType")));
    const dialogs = await watching(session, ofType(resolveNodeId("DialogConditionType")));
    const area = await watching(session, undefined, "ns=2;s=Area/bag");
    const elsewhere = await watching(session, undefined, "ns=2;s=Area/recovery");
    want({ "LT-201": 96 });
    const came = (watch) => watch.heard.some((one) => one.ConditionName === "LT-201.HH" && one["ActiveState.Id"]);
    await until(() => came(all) && came(limits) && came(area));
    tell("filters", [came(dialogs), came(elsewhere)]);
    const count = (watch) => watch.heard.length;
    const quiet = [count(limits), count(elsewhere)];
    await callConditionRefresh(session, dialogs.subscription.subscriptionId);
    await ended(dialogs);
    tell("refresh through a filter that lets nothing through", dialogs.types().map((one) => one.split(";").pop()));
    tell("refresh goes to one subscription", quiet.every((before, place) => before === count([limits, elsewhere][place])));
    const before = all.heard.length;
    await callConditionRefresh(session, all.subscription.subscriptionId);
    await ended(all);
    const again = all.heard.slice(before);
    const place = (type) => again.findIndex((one) => one.EventType.toString().endsWith(type));
    const shown = again.slice(place(START) + 1, place(END)).filter((one) => one.ConditionName === "LT-201.HH");
    const told = all.heard.slice(0, before).filter((one) => one.ConditionName === "LT-201.HH");
    tell("refresh repeats the last event", shown.at(-1).EventId.equals(told.at(-1).EventId));
    const condition = resolveNodeId("ConditionType"), second = "i=12912";
    tell("ConditionRefresh2", await called(session, condition, second, number(limits.subscription.subscriptionId), number(limits.item.monitoredItemId)));
    await ended(limits);
    tell("ConditionRefresh2 of an item that is not there", await called(session, condition, second, number(limits.subscription.subscriptionId), number(999999)));
    tell("ConditionRefresh of no subscription", await called(session, condition, "i=3875", number(999999)));
    tell("ConditionRefresh on a condition", await called(session, HH, "i=3875", number(limits.subscription.subscriptionId)));
    const branch = () => all.heard.filter((one) => one.ConditionName === "LT-201.H" && one.BranchId && !one.BranchId.isEmpty()).at(-1);
    want({ "LT-201": 50 });
    await until(() => all.heard.some((one) => one.ConditionName === "LT-201.H" && one["ActiveState.Id"] === false));
    want({ "LT-201": 96 });
    const earlier = await until(branch);
    tell("a branch", [earlier.Retain, earlier["AckedState.Id"], earlier["ActiveState.Id"]]);
    tell("acknowledge the branch", (await session.acknowledgeCondition(H, earlier.EventId, "seen")).name);
    const over = await until(() => branch().Retain === false && branch());
    tell("the branch is over", [over["AckedState.Id"], over.BranchId.toString() === earlier.BranchId.toString()]);
    for (const watch of [all, limits, dialogs, area, elsewhere]) { await watch.subscription.terminate(); }
}

// --- the address space ---------------------------------------------------------------------------------

async function browsed(session, nodeId, referenceTypeId, includeSubtypes = true) {
    const result = await session.browse({ nodeId, referenceTypeId, includeSubtypes, browseDirection: BrowseDirection.Forward, resultMask: 63 });
    return result.references;
}

async function nodesOf(session) {
    const conditions = await browsed(session, "ns=2;s=LT-201", ReferenceTypeIds.HasCondition);
    tell("HasCondition", conditions.map((one) => one.nodeId.value).sort());
    const children = await browsed(session, HH, ReferenceTypeIds.Aggregates);
    tell("methods of the instance", children.filter((one) => one.nodeClass === 4).map((one) => one.browseName.name).sort());
    const wrong = [];
    const walk = async (nodeId) => {
        for (const child of await browsed(session, nodeId, ReferenceTypeIds.Aggregates)) {
            if (child.nodeClass === 2) {
                const value = await session.read({ nodeId: child.nodeId, attributeId: AttributeIds.Value });
                if (value.statusCode.name !== "Good") { wrong.push(`${child.nodeId} ${value.statusCode.name}`); }
            }
            await walk(child.nodeId);
        }
    };
    await walk(HH);
    tell("every variable of the condition reads Good", wrong);
    const read = async (node) => (await session.read({ nodeId: node, attributeId: AttributeIds.Value })).value.value;
    tell("active by node", [await read(at(HH, "ActiveState/Id")), await read(at(HH, "HighHighLimit")), (await read(at(HH, "ActiveState"))).text]);
    const executable = await session.read({ nodeId: at(H, "Suppress2"), attributeId: AttributeIds.UserExecutable });
    tell("an operator may suppress", executable.value.value);
}

async function shelves(session) {
    const shelf = at(H, "ShelvingState");
    const state = async () => (await session.read({ nodeId: at(H, "ShelvingState/CurrentState"), attributeId: AttributeIds.Value })).value.value.text;
    const comes = async (wanted) => { while (await state() !== wanted) { await pause(); } return wanted; };
    tell("TimedShelve", await called(session, shelf, at(H, "ShelvingState/TimedShelve"), double(600000)));
    tell("timed", await comes("Timed Shelved"));
    const left = (await session.read({ nodeId: at(H, "ShelvingState/UnshelveTime"), attributeId: AttributeIds.Value })).value.value;
    tell("UnshelveTime", left > 580000 && left <= 600000);
    tell("OneShotShelve", await called(session, H, "i=2948"));
    tell("once", await comes("One Shot Shelved"));
    tell("OneShotShelve twice", await called(session, H, "i=2948"));
    tell("Unshelve", await called(session, shelf, at(H, "ShelvingState/Unshelve")));
    tell("unshelved", await comes("Unshelved"));
    tell("Unshelve twice", await called(session, shelf, at(H, "ShelvingState/Unshelve")));
    tell("longer than allowed", await called(session, shelf, at(H, "ShelvingState/TimedShelve2"), double(9 * 3600000), text("x")));
    tell("priority 1", await called(session, HH, "i=9213", double(1000)));
    tell("of the type", await called(session, "i=2929", "i=2949", double(1000)));
}

async function misuse(session) {
    const event = Buffer.alloc(16);
    tell("Enable", await called(session, HH, at(HH, "Enable")));
    tell("Disable", await called(session, HH, "i=9028"));
    tell("Acknowledge on the type", await called(session, "i=2881", "i=9111", octets(event), text("")));
    tell("no such condition", await called(session, "ns=2;s=LT-999.HH", "i=9111", octets(event), text("")));
    tell("a method of another", await called(session, HH, at(H, "Acknowledge"), octets(event), text("")));
    tell("too few arguments", await called(session, HH, "i=9111", octets(event)));
    tell("a wrong type", await called(session, HH, "i=9111", text("event"), text("")));
    tell("Suppress2 as an operator", await called(session, H, at(H, "Suppress2"), text("because")));
    const groups = await session.call({ objectId: H, methodId: "i=24744", inputArguments: [] });
    tell("GetGroupMemberships", groups.outputArguments[0].value.map((one) => one.value));
}

async function supervisor(session) {
    for (const [method, back] of [["Suppress2", "Unsuppress"], ["RemoveFromService2", "PlaceInService2"]]) {
        const thanks = back.endsWith("2") ? [text("done")] : [];
        tell(method, await called(session, H, at(H, method), text("transmitter changed")));
        tell(`${method} twice`, await called(session, H, at(H, method), text("again")));
        tell(back, await called(session, H, at(H, back), ...thanks));
        tell(`${back} twice`, await called(session, H, at(H, back), ...thanks));
    }
    tell("Silence", await called(session, H, at(H, "Silence")));
}

async function main() {
    const certificates = await trustList();
    await connected("operator", certificates, async (session) => {
        await theAlarmList(session);
        await filtersAndRefresh(session);
        await nodesOf(session);
        await shelves(session);
        await misuse(session);
    });
    await connected("supervisor", certificates, supervisor);
    await connected("viewer", certificates, async (session) => {
        tell("Acknowledge as a viewer", await called(session, H, "i=9111", octets(Buffer.alloc(16)), text("")));
        tell("Silence as a viewer", await called(session, H, at(H, "Silence")));
    });
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
