// A call of an operation, as the test has it.
export interface Call {
  op: string;
  method: string;
  template: string;
  path?: Record<string, unknown>;
  query?: Record<string, unknown>;
  header?: Record<string, unknown>;
  cookie?: Record<string, unknown>;
  body?: unknown;
  contentType?: string;
  text?: string;
  file?: string;
  fields?: Record<string, string>;
}

/** A body that is no JSON: text of a type, or a form, for which fetch finds the type. */
export function rawBody(call: Call): string | FormData | undefined {
  if (call.contentType?.startsWith("multipart/")) {
    const form = new FormData();
    for (const [name, value] of Object.entries(call.fields ?? {})) form.append(name, value);
    if (call.file) form.append(call.file, new Blob(["hello"], { type: "application/octet-stream" }), "note.txt");
    return form;
  }
  return call.text;
}

/** The header fields of a call, with its cookies and the type of its body. */
export function headers(call: Call): Record<string, string> {
  const all: Record<string, string> = {};
  for (const [name, value] of Object.entries(call.header ?? {})) all[name] = String(value);
  const cookies = Object.entries(call.cookie ?? {}).map(([name, value]) => `${name}=${String(value)}`);
  if (cookies.length > 0) all.Cookie = cookies.join("; ");
  if (call.contentType && !call.contentType.startsWith("multipart/")) all["Content-Type"] = call.contentType;
  return all;
}
