// What every client of node-opcua's here begins with: `node SCRIPT FOLDER URL APPLICATION-URI`. FOLDER holds its
// certificates. A scene's outcome is one JSON line: {"scene": ..., "says": ...}.
"use strict";
const { OPCUAClient, MessageSecurityMode, SecurityPolicy, UserTokenType } = require("node-opcua-client");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");
const path = require("path");

const [folder, url, application] = process.argv.slice(2);
const tell = (scene, says) => console.log(JSON.stringify({ scene, says }));
const failure = (error) => (/(Bad[A-Za-z]+)/.exec(error.message) || ["", error.message])[1];
const demo = (user) => ({ type: UserTokenType.UserName, userName: user, password: `demo-${user}` });

// trusting: a server's certificate is taken as it comes; else it has to be trusted first.
async function trustList(trusting = true) {
    const certificates = new OPCUACertificateManager({
        rootFolder: path.join(folder, "pki"), automaticallyAcceptUnknownCertificate: trusting,
    });
    await certificates.initialize();
    return certificates;
}

// Signed and encrypted, tried once.
function secured(certificates, more = {}) {
    return OPCUAClient.create({
        applicationName: "interop", applicationUri: application, clientCertificateManager: certificates,
        certificateFile: path.join(folder, "certificate.pem"), privateKeyFile: path.join(folder, "key.pem"),
        securityPolicy: SecurityPolicy.Basic256Sha256, securityMode: MessageSecurityMode.SignAndEncrypt,
        endpointMustExist: false, connectionStrategy: { maxRetry: 0 }, ...more,
    });
}

module.exports = { url, tell, failure, demo, trustList, secured };
