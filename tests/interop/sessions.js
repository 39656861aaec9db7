// node-opcua's client as the judge of channels and sessions: `node sessions.js FOLDER URL APPLICATION-URI`.
// Prints one JSON line per scene: {"scene": ..., "says": ...}. FOLDER holds its certificates.
"use strict";
const {
    OPCUAClient, MessageSecurityMode, SecurityPolicy, UserTokenType,
} = require("node-opcua-client");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");
const { readPrivateKey, readCertificate } = require("node-opcua-crypto");
const path = require("path");
const fs = require("fs");

const [folder, url, application] = process.argv.slice(2);
const NODE = "i=2258";
const tell = (scene, says) => console.log(JSON.stringify({ scene, says }));
const failure = (error) => (/(Bad[A-Za-z]+)/.exec(error.message) || ["", error.message])[1];

function options(policy, mode, more) {
    return {
        applicationName: "interop", applicationUri: application,
        certificateFile: path.join(folder, "certificate.pem"), privateKeyFile: path.join(folder, "key.pem"),
        clientCertificateManager: options.certificates, securityPolicy: policy, securityMode: mode,
        endpointMustExist: false, connectionStrategy: { maxRetry: 0 }, requestedSessionTimeout: 30000, ...more,
    };
}

async function read(session) {
    const value = await session.read({ nodeId: NODE, attributeId: 13 });
    return value.statusCode.name === "Good" ? String(value.value.value) : value.statusCode.name;
}

// Connects, makes a session as `user`, does something with it, closes all.
async function scene(name, chosen, user, act = read) {
    const client = OPCUAClient.create(chosen);
    try {
        await client.connect(url);
        const session = await client.createSession(user);
        tell(name, await act(session, client));
        await session.close();
    } catch (error) {
        tell(name, failure(error));
    } finally {
        await client.disconnect();
    }
}

const password = (name, word) => ({ type: UserTokenType.UserName, userName: name, password: word });

async function main() {
    options.certificates = new OPCUACertificateManager({
        rootFolder: path.join(folder, "pki"), automaticallyAcceptUnknownCertificate: true,
    });
    await options.certificates.initialize();
    const { None, Sign, SignAndEncrypt } = MessageSecurityMode;
    await scene("plain", options(SecurityPolicy.None, None));
    for (const policy of ["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"]) {
        for (const mode of [Sign, SignAndEncrypt]) {
            await scene(`${policy} ${MessageSecurityMode[mode]}`, options(SecurityPolicy[policy], mode),
                password("operator", "demo-operator"));
        }
    }
    const secure = (more) => options(SecurityPolicy.Basic256Sha256, SignAndEncrypt, more);
    await scene("wrong password", secure(), password("operator", "demo-viewer"));
    await scene("no such user", secure(), password("nobody", "x"));
    await scene("password without security", options(SecurityPolicy.None, None), password("operator", "demo-operator"));
    await scene("user certificate", secure(), {
        type: UserTokenType.Certificate,
        certificateData: readCertificate(path.join(folder, "certificate.pem")),
        privateKey: fs.readFileSync(path.join(folder, "key.pem"), "utf8"),
    });
    await scene("another user on the session", secure(), password("operator", "demo-operator"), async (session, client) => {
        const status = await client.changeSessionIdentity(session, password("engineer", "demo-engineer"));
        return `${status.name} ${await read(session)}`;
    });
    await scene("several tokens", secure({ defaultSecureTokenLifetime: 2000, tokenRenewalInterval: 300 }),
        password("operator", "demo-operator"), async (session, client) => {
            let renewed = 0;
            await new Promise((resolve) => {
                client.on("security_token_renewed", () => { renewed += 1; if (renewed === 3) { resolve(); } });
            });
            return `${renewed} ${await read(session)}`;
        });
    await scene("a message of many chunks", secure(), password("operator", "demo-operator"), async (session) => {
        const nodes = Array.from({ length: 4000 }, () => ({ nodeId: NODE, attributeId: 13 }));
        const values = await session.read(nodes);
        return values.length;
    });
    await scene("the session survives its connection", secure({ connectionStrategy: { maxRetry: 10, initialDelay: 50, maxDelay: 100 } }),
        password("operator", "demo-operator"), async (session, client) => {
            const before = session.sessionId.toString();
            const back = new Promise((resolve) => { client.once("connection_reestablished", resolve); });
            client._secureChannel.forceConnectionBreak();
            await back;
            return `${session.sessionId.toString() === before} ${await read(session)}`;
        });
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
