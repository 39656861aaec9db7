// node-opcua's client, told who to be: `node people.js FOLDER URL APPLICATION-URI`, one JSON request a line on stdin,
// one JSON answer a line on stdout. {"user", "password"} or {"certificate", "key"} (files) logs in, reads NODE, and
// answers what it says or the name of the refusal; {"trust": FILE} makes the client trust the server's certificate.
"use strict";
const { UserTokenType } = require("node-opcua-client");
const { readCertificate } = require("node-opcua-crypto");
const readline = require("readline");
const { url, failure, trustList, secured } = require("./peer");
const fs = require("fs");


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
    const client = secured(certificates, { requestedSessionTimeout: 30000 });
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
    const certificates = await trustList(false);
    for await (const line of readline.createInterface({ input: process.stdin })) {
        console.log(JSON.stringify({ says: await answer(JSON.parse(line), certificates) }));
    }
    process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
