// Calls a service by the functions that @hey-api/openapi-ts has made.
import { readFileSync } from "node:fs";
import { type Call, headers, rawBody } from "./calls";
import * as sdk from "./sdk/sdk.gen";
import { client } from "./sdk/client.gen";

interface Result {
  error?: unknown;
  response?: Response;
  stream?: AsyncIterable<unknown>;
}

async function main(baseUrl: string, file: string): Promise<void> {
  client.setConfig({ baseUrl });
  const operations = sdk as unknown as Record<string, (options: object) => Promise<Result>>;
  for (const call of JSON.parse(readFileSync(file, "utf8")) as Call[]) {
    const operation = operations[call.op];
    if (!operation) throw new Error(`there is no function ${call.op}`);
    const raw = rawBody(call);
    const { response, error, stream } = await operation({
      path: call.path,
      query: call.query,
      headers: headers(call),
      sseMaxRetryAttempts: 1,
      onSseError: (err: unknown) => console.log(call.op, err),
      ...(raw === undefined ? { body: call.body } : { body: raw, bodySerializer: (body: unknown) => body }),
    });
    if (stream) for await (const _ of stream);
    else if (!response) throw error;
  }
}

void main(process.argv[2] ?? "", process.argv[3] ?? "");
