// Calls a service by openapi-fetch, with the types that openapi-typescript has made.
import { readFileSync } from "node:fs";
import createClient from "openapi-fetch";
import { type Call, headers, rawBody } from "./calls";
import type { paths } from "./schema";

async function main(baseUrl: string, file: string): Promise<void> {
  const client = createClient<paths>({ baseUrl });
  const request = client.request as unknown as (method: string, path: string, init: object) => Promise<{ response: Response }>;
  for (const call of JSON.parse(readFileSync(file, "utf8")) as Call[]) {
    const raw = rawBody(call);
    await request(call.method.toLowerCase(), call.template, {
      params: { path: call.path, query: call.query },
      headers: headers(call),
      parseAs: "text",
      ...(raw === undefined ? { body: call.body } : { body: raw, bodySerializer: (body: unknown) => body }),
    });
  }
}

void main(process.argv[2] ?? "", process.argv[3] ?? "");
