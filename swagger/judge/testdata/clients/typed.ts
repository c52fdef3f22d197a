// What a program in TypeScript sees of the taskboard; it is compiled, not run.
import createClient from "openapi-fetch";
import type { paths } from "./schema";
import { createTask, followChanges } from "./sdk";

export async function titles(baseUrl: string): Promise<string[]> {
  const client = createClient<paths, "application/json" | "application/problem+json">({ baseUrl });
  const { data, error } = await client.GET("/api/tasks", { params: { query: { status: "todo", limit: 10 } } });
  if (error) throw new Error(error.detail ?? error.errors?.map((e) => e.detail).join());
  // @ts-expect-error: there is no such column
  await client.GET("/api/tasks", { params: { query: { status: "later" } } });
  // @ts-expect-error: a task needs a title
  await client.POST("/api/tasks", { body: { owner: "ada" } });
  return (data.tasks ?? []).map((task) => task?.title ?? "");
}

export async function follow(): Promise<number | undefined> {
  const { data: task } = await createTask({ body: { title: "Milk", due: null } });
  const { stream } = await followChanges();
  for await (const change of stream) if (change.task?.version === task?.version) return change.task?.id;
  return undefined;
}
