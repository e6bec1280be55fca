// `GET /api/instance/{userId}` as a short program for Node.js with the AWS SDK v3:
// the same requests to DynamoDB and to the agent, and a client of Lambda's Runtime
// API as small as it can be.

import http from "node:http";
import { createHash } from "node:crypto";
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";

const { AWS_LAMBDA_RUNTIME_API, SESSIONS_TABLE, INSTANCES_TABLE } = process.env;
const dynamodb = new DynamoDBClient({});
const agent = new http.Agent({ keepAlive: true });

function runtime(method, path, body) {
  return new Promise((resolve, reject) => {
    const url = `http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/${path}`;
    const request = http.request(url, { method, agent }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () => resolve({ headers: response.headers, text }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

function answer(statusCode, body) {
  return {
    statusCode,
    headers: { "content-type": "application/json" },
    isBase64Encoded: false,
    body: JSON.stringify(body),
  };
}

async function item(table, key) {
  const command = new GetItemCommand({ TableName: table, Key: key, ConsistentRead: true });
  return (await dynamodb.send(command)).Item;
}

async function probe(base, path) {
  try {
    const response = await fetch(base + path, { signal: AbortSignal.timeout(5000) });
    const body = await response.json().catch(() => null);
    return { path, ok: response.ok && body !== null, status: response.status, body };
  } catch {
    return { path, ok: false, status: null, body: null };
  }
}

async function handler(event) {
  const [cookie] = event.cookies ?? [""];
  const value = cookie.slice(cookie.indexOf("=") + 1);
  const sessionHash = createHash("sha256").update(value).digest("hex");
  const session = await item(SESSIONS_TABLE, { sessionHash: { S: sessionHash } });
  if (!session) return answer(403, { error: "Forbidden" });
  const { userId } = event.pathParameters;
  const instance = await item(INSTANCES_TABLE, { instanceId: { S: userId } });
  if (!instance) return answer(404, { error: "No instance found. Please deploy first." });
  const base = instance.openclawUrl.S.replace(/\/$/, "");
  const checks = await Promise.all(
    ["/healthz", "/readyz", "/api/status"].map((path) => probe(base, path)),
  );
  const running = checks[2].ok || (checks[0].ok && checks[1].ok);
  return answer(200, {
    userId,
    status: running ? "running" : "unreachable",
    probeChecks: checks.map(({ path, ok, status }) => ({ path, ok, status, reason: null })),
    url: base,
    plan: instance.plan?.S ?? null,
    openclawVersion: checks[0].body?.version ?? null,
  });
}

for (;;) {
  const { headers, text } = await runtime("GET", "invocation/next");
  const id = headers["lambda-runtime-aws-request-id"];
  const response = await handler(JSON.parse(text));
  await runtime("POST", `invocation/${id}/response`, JSON.stringify(response));
}
