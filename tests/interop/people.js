// node-opcua's client, told who to be: `node people.js FOLDER URL APPLICATION-URI`, one JSON request a line on stdin,
// one JSON answer a line on stdout. {"user", "password"} or {"certificate", "key"} (files) logs in, reads NODE, and
// answers what it says or the name of the refusal; {"trust": FILE} makes the client trust the server's certificate.
"use strict";
const { OPCUAClient, MessageSecurityMode, SecurityPolicy, UserTokenType } = require("node-opcua-client");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");
const { readCertificate } = require("node-opcua-crypto");
const readline = require("readline");
const path = require("path");
const fs = require("fs");

const [folder, url, application] = process.argv.slice(2);
const failure = (error) => (/(Bad[A-Za-z]+)/.exec(error.message) || ["", error.message])[1];

function identity(wanted) {
    if (wanted.user !== undefined) {
        return { type: UserTokenType.UserName, userName: wanted.user, password: wanted.password };
    }
    if (wanted.certificate !== undefined) {
        return {
            type: UserTokenType.Certificate, certificateData: readCertificate(wanted.certificate),
            privateKey: fs.readFileSync(wanted.key, "utf8"),
        };
    }
    return { type: UserTokenType.Anonymous };
}

async function answer(wanted, certificates) {
    if (wanted.trust !== undefined) {
        await certificates.trustCertificate(readCertificate(wanted.trust));
        return "trusted";
    }
    const client = OPCUAClient.create({
        applicationName: "interop", applicationUri: application, clientCertificateManager: certificates,
        certificateFile: path.join(folder, "certificate.pem"), privateKeyFile: path.join(folder, "key.pem"),
        securityPolicy: SecurityPolicy.Basic256Sha256, securityMode: MessageSecurityMode.SignAndEncrypt,
        endpointMustExist: false, connectionStrategy: { maxRetry: 0 }, requestedSessionTimeout: 30000,
    });
    try {
        await client.connect(url);
        const session = await client.createSession(identity(wanted));
        const value = await session.read({ nodeId: "i=2258", attributeId: 13 });
        await session.close();
        return value.statusCode.name === "Good" ? value.value.value : value.statusCode.name;
    } catch (error) {
        return failure(error);
    } finally {
        await client.disconnect();
    }
}

async function main() {
    const certificates = new OPCUACertificateManager({
        rootFolder: path.join(folder, "pki"), automaticallyAcceptUnknownCertificate: false,
    });
    await certificates.initialize();
    for await (const line of readline.createInterface({ input: process.stdin })) {
        console.log(JSON.stringify({ says: await answer(JSON.parse(line), certificates) }));
    }
    process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
