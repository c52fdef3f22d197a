/** A place in a room: an epoch and an offset. */
export type Place = [epoch: string, offset: number];

/** Opens a client at once, and keeps it open until close(). url is relative to the page's; Node takes a whole one. */
export function connect(url: string | URL, options?: Options): Client;

/** What promises are rejected with, and error events have. */
export class GeistError extends Error {
  constructor(code: string, text?: string, more?: object);
  /** One of the protocol, of the application, or closed, queue_full, timeout, too_large. */
  readonly code: string;
  /** ms after which repeating may help, if the server says so. */
  readonly retry?: number;
  /** The id and the room of the publish that failed. */
  readonly id?: string;
  readonly room?: string;
}

/** As much of a browser's storage as the client uses. */
export interface Store {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface Options {
  /** Returns the token for hello, at each connection and before the old one ends. Default: none is sent. */
  token?: (() => string | undefined | Promise<string | undefined>) | undefined;
  /** Which may be used. Of both, WebSockets come first. Default: ["ws", "sse"]. */
  transports?: readonly ("ws" | "sse")[];
  /** Offers the compact encoding to a WebSocket. Default: false. */
  binary?: boolean;
  /** Where what must survive a reload is kept: sessionStorage. Default: nowhere. */
  storage?: Store | undefined;
  /** The key in storage. Clients of one page need different ones. Default: "geist". */
  key?: string;
  /** How many publishes may wait for an answer, and how many calls for a connection. Default: 100. */
  maxPending?: number;
  /** Bound of the first wait between connections, in ms. Default: 200. */
  minDelay?: number;
  /** Bound of all waits that the server has not asked for, in ms. Default: 20 000. */
  maxDelay?: number;
  /** Silence after which the server is asked whether it is there, in ms. Default: 25 000. */
  watchdog?: number;
  /** A number below 1, for the waits. Default: Math.random. */
  random?: () => number;
  /** Default: the global one; null if there is none to use. */
  WebSocket?: (new (url: string, protocols: string[]) => unknown) | null | undefined;
  /** Default: the global one. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

export type State = "connecting" | "open" | "waiting" | "closed";

/** A client. Its handlers are called one at a time; what they throw is reported and breaks nothing. */
export interface Client {
  readonly state: State;
  /** Who one is for the server, since the first welcome. */
  readonly me: { conn: string; author: string; user?: string; ttl?: number } | undefined;
  on(event: "state", handler: (state: State, reason: string) => void): () => void;
  /** Messages to this connection, this user or everybody, outside of rooms. */
  on<T = any>(event: "message", handler: (message: Message<T>) => void): () => void;
  /** Questions of the application. What the first handler returns is the answer; undefined is none. */
  on(event: "ask", handler: (data: any, event?: string) => unknown): () => void;
  /** What went wrong and has no promise to reject. Without a handler it goes to the console. */
  on(event: "error", handler: (error: GeistError | Error) => void): () => void;
  /** Enters a room, now and after each reconnect. Somebody who is in it gets the same room again. */
  join<T = any>(name: string, options?: JoinOptions): Room<T>;
  /** Asks the application. */
  call<T = any>(name: string, data?: unknown): Promise<T>;
  /** Connects anew, at once; also after close(). */
  reconnect(): void;
  /** Ends the connection and all timers. What waits is rejected with closed or unknown_outcome. */
  close(): void;
}

export interface JoinOptions {
  /** Begins with the newest so many messages. Default: with what comes next. */
  last?: number;
  /** Begins behind a place, or with null at what comes next, whatever the storage says. */
  since?: Place | null;
  /** Keeps members. Default: false. */
  presence?: boolean;
  /** What other members see. */
  show?: unknown;
}

export interface Room<T = any> {
  readonly name: string;
  /** Where one stands. Undefined before the room has been joined. */
  readonly position: Readonly<Place> | undefined;
  /** Who is there, by connection, if the room was joined with presence. */
  readonly members: ReadonlyMap<string, Member>;
  on(event: "message", handler: (message: Message<T>) => void): () => void;
  /** Told at each connection. If it is not recovered, a gap follows. */
  on(event: "joined", handler: (at: { epoch: string; offset: number; head: number; recovered: boolean; ttl?: number }) => void): () => void;
  /** Something is missing: read the state anew. */
  on(event: "gap", handler: (gap: { epoch: string; offset: number; missed?: number }) => void): () => void;
  on(event: "presence", handler: (members: ReadonlyMap<string, Member>, change: Change, count: number) => void): () => void;
  /** The server has taken one out of the room, which is over. */
  on(event: "left", handler: (code: string, text?: string) => void): () => void;
  /** The server does not let one in; the room is over. Without a handler, it is the client's error. */
  on(event: "error", handler: (error: GeistError) => void): () => void;
  /** Publishes once. Bytes are published as bytes, everything else as JSON, a copy of it. */
  publish(data: T | Uint8Array | ArrayBuffer, options?: PublishOptions): Published;
  /** Changes what other members see. */
  show(value: unknown): Promise<void>;
  /** Goes out of the room. Nothing of it is heard from now on. */
  leave(): Promise<void>;
}

export interface PublishOptions {
  /** The message's name. */
  event?: string;
  /** false keeps it out of the history. It is then not repeated after a cut, but rejected. */
  log?: boolean;
  /** false does not send it back to this connection. */
  echo?: boolean;
  /** Publishes a string as text, not as JSON. */
  as?: "text";
  /** ms after which it is given up. Default: never. */
  timeout?: number;
}

/** Resolves to where the message stands. */
export interface Published extends Promise<{ epoch: string; offset: number }> {
  /** The id that the message has. Undefined for what was rejected at once, and in the first moment of a client. */
  readonly id: string | undefined;
}

export interface Message<T = any> {
  /** The room's name, empty outside of rooms. */
  room: string;
  /** Zero outside of rooms. */
  offset: number;
  /** JSON's value, a string, or a Uint8Array. */
  data: T;
  /** Empty unless a client has published it. */
  id: string;
  event: string;
  /** Whether this client's session has published it. */
  mine: boolean;
}

export interface Member {
  conn: string;
  user?: string;
  shown?: any;
}

export interface Change {
  reset?: boolean;
  count: number;
  joined?: Member[];
  updated?: Member[];
  left?: string[];
}
