// A client of MCP built on the official SDK, against a gateway of mcp_sdk.py:
//   node client.mjs http URL | node client.mjs stdio PROGRAM ARGUMENT...
// Ends with 0 when all went as it should. The SDK checks each message against the schemas of the
// protocol, and each structured result against the schema of its tool.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.env.MCP_SDK_FOLDER + "/x.js");
const load = (part) => import(pathToFileURL(require.resolve("@modelcontextprotocol/sdk/" + part)));
const { Client } = await load("client/index.js");
const { StreamableHTTPClientTransport } = await load("client/streamableHttp.js");
const { StdioClientTransport } = await load("client/stdio.js");

const [kind, target, ...words] = process.argv.slice(2);
const transport = kind === "http" ? new StreamableHTTPClientTransport(new URL(target))
                                  : new StdioClientTransport({ command: target, args: words });
const client = new Client({ name: "test", version: "1" });
await client.connect(transport);
assert.equal(client.getServerVersion().name, "shmbus");

const { tools } = await client.listTools();
const names = tools.map((tool) => tool.name);
for (const name of ["user.create", "math.add", "rows.list", "rows.sum", "square_x2F_of"]) {
  assert(names.includes(name), `no tool ${name}`);
}

const call = (name, args, options) =>
  client.callTool({ name, arguments: args }, undefined, { timeout: 20000, ...options });
const user = await call("user.create", { email: "a@b.c", plan: "paid" });
assert.equal(user.structuredContent.email, "a@b.c");
assert.deepEqual((await call("math.add", { a: 2, b: 3 })).structuredContent, { value: 5 });
const sum = await call("rows.sum", { records: [{ a: 1, b: 2 }, { a: 3, b: 4 }] });
assert.deepEqual(sum.structuredContent, { value: 10 });

const seen = [];
const rows = await call("rows.list", { ms: 4 }, { onprogress: (p) => seen.push(p.progress) });
assert.equal(rows.structuredContent.records.length, 4);
// The SDK drops progress that comes in one piece with the result, as a pipe may deliver it.
if (kind === "http") assert.deepEqual(seen, [1, 2, 3, 4]);

const refused = await call("bad.refuse", { ms: 409 });
assert.equal(refused.isError, true);
assert.match(refused.content[0].text, /not today/);
await assert.rejects(call("no.such.tool", {}), /no tool/);

const stop = new AbortController();
let heard = 0;
const endless = call("rows.endless", {}, {
  signal: stop.signal,
  onprogress: () => { if (++heard === 3) stop.abort("enough"); },
});
await assert.rejects(endless);
const until = Date.now() + 15000;
let cancelled = 0;
while (cancelled === 0 && Date.now() < until) {
  cancelled = (await call("slow.cancelled", {})).structuredContent.value;
}
assert.equal(cancelled, 1);

if (kind === "http") await transport.terminateSession();
await client.close();
console.log(`${kind}: ${tools.length} tools, all as it should be`);
