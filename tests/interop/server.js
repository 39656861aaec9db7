// A node-opcua server for the link to talk to: `node server.js FOLDER USER PASSWORD [secured]`.
// secured: Basic256Sha256 SignAndEncrypt alone, no anonymous user, and only clients in FOLDER/trusted/certs.
// Prints its endpoint when it serves. Commands on stdin, one a line: `set NAME VALUE`, `bad NAME`, `remove NAME`,
// `add NAME`, `reset`,
// `drop` (forgets all sessions), `ticks MS` (COUNT moves every MS). FOLDER holds its certificates.
"use strict";
const { OPCUAServer } = require("node-opcua-server");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");
const { DataType, Variant, VariantArrayType } = require("node-opcua-variant");
const { StatusCodes } = require("node-opcua-status-code");
const { MessageSecurityMode, SecurityPolicy } = require("node-opcua-secure-channel");
const readline = require("readline");

const TYPES = {
    COUNT: [DataType.UInt16, 0], PRESSURE: [DataType.Float, 1.5], LEVEL: [DataType.Int16, 432],
    SWITCH: [DataType.Boolean, true], METER: [DataType.UInt32, 70000], ENERGY: [DataType.Double, 0.1],
    HOURS: [DataType.Int32, -5], SMALL: [DataType.SByte, -3], BYTE: [DataType.Byte, 200],
    LABEL: [DataType.String, "dewar 7"], WORDS: [DataType.UInt16, [1, 2, 3]], WORD: [DataType.UInt16, 0],
    EPOCH: [DataType.UInt32, 0], SEQUENCE: [DataType.UInt16, 0],
};

async function main() {
    const [folder, user, password, secured] = process.argv.slice(2);
    const certificates = new OPCUACertificateManager({ rootFolder: folder, automaticallyAcceptUnknownCertificate: !secured });
    await certificates.initialize();
    const server = new OPCUAServer({
        port: 0, resourcePath: "", hostname: "127.0.0.1", serverCertificateManager: certificates,
        userCertificateManager: certificates, allowAnonymous: !secured,
        userManager: { isValidUser: (name, word) => name === user && word === password },
        securityModes: secured ? [MessageSecurityMode.SignAndEncrypt]
            : [MessageSecurityMode.None, MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt],
        securityPolicies: secured ? [SecurityPolicy.Basic256Sha256]
            : [SecurityPolicy.None, SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes256_Sha256_RsaPss],
        serverInfo: { applicationUri: "urn:127.0.0.1:interop" },
    });
    await server.initialize();
    const namespace = server.engine.addressSpace.registerNamespace("urn:interop");
    const nodes = {};
    function add(name) {
        const [dataType, first] = TYPES[name];
        const isArray = Array.isArray(first);
        nodes[name] = namespace.addVariable({
            browseName: name, nodeId: `s=${name}`, dataType, organizedBy: server.engine.addressSpace.rootFolder.objects,
            valueRank: isArray ? 1 : -1, minimumSamplingInterval: 20,
        });
        put(name, first);
    }
    function put(name, value, status = StatusCodes.Good) {
        const [dataType, first] = TYPES[name];
        const arrayType = Array.isArray(first) ? VariantArrayType.Array : VariantArrayType.Scalar;
        nodes[name].setValueFromSource(new Variant({ dataType, arrayType, value }), status, new Date());
    }
    Object.keys(TYPES).forEach(add);
    const does = {
        set: (name, ...value) => put(name, JSON.parse(value.join(" "))),
        bad: (name) => put(name, TYPES[name][1], StatusCodes.BadDeviceFailure),
        reset: () => Object.keys(TYPES).forEach((name) => put(name, TYPES[name][1])),
        remove: (name) => server.engine.addressSpace.deleteNode(nodes[name]),
        add,
        drop: () => Object.values(server.engine._sessions).forEach((s) => server.engine.closeSession(s.authenticationToken, true, "Forcing")),
        ticks: (ms) => { let n = 0; setInterval(() => put("COUNT", ++n % 65536), Number(ms)); },
    };
    readline.createInterface({ input: process.stdin }).on("line", (line) => {
        const [word, ...rest] = line.trim().split(" ");
        does[word](...rest);
    }).on("close", () => process.exit(0));
    await server.start();
    console.log(`opc.tcp://127.0.0.1:${server.endpoints[0].port}`);
}

main().catch((error) => { console.error(error); process.exit(1); });
