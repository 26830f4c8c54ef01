// A real node-opcua server of consecutive counters: node server.js PORT TAGS EVERY_MS TRUTH FOLDER
// Nothing is coalesced: the server reports each change. Every value is written to TRUTH as `tag value time_ms` before a node has it.
"use strict";
const fs = require("node:fs");
const { OPCUAServer } = require("node-opcua-server");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");
const { DataType, Variant } = require("node-opcua-variant");
const { StatusCodes } = require("node-opcua-status-code");

const [port, tags, everyMs] = process.argv.slice(2, 5).map(Number);
const [truth, folder] = process.argv.slice(5, 7);
const log = fs.openSync(truth, "a");

async function main() {
  const server = new OPCUAServer({
    port,
    hostname: "127.0.0.1",
    maxConnectionsPerEndpoint: 100,
    serverCapabilities: { maxSessions: 100, minSupportedSampleRate: 0 },
    serverCertificateManager: new OPCUACertificateManager({ rootFolder: folder, automaticallyAcceptUnknownCertificate: true }),
  });
  await server.initialize();
  const namespace = server.engine.addressSpace.registerNamespace("urn:test:counters");
  const variables = [];
  for (let tag = 0; tag < tags; tag++) {
    variables.push(
      namespace.addVariable({
        organizedBy: server.engine.addressSpace.rootFolder.objects,
        browseName: `C${tag}`,
        nodeId: `s=C${tag}`,
        dataType: "Double",
        minimumSamplingInterval: 0,
      }),
    );
  }
  let value = 0;
  setInterval(() => {
    value += 1;
    const now = new Date();
    fs.writeSync(log, variables.map((_, tag) => `${tag} ${value} ${now.getTime()}\n`).join(""));
    for (const variable of variables) {
      variable.setValueFromSource(new Variant({ dataType: DataType.Double, value }), StatusCodes.Good, now);
    }
  }, everyMs);
  await server.start();
  process.stdout.write("ready\n");
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
