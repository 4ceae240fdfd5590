import type { Framing } from './framing';

/** Field name as sent, value as latin-1 text without surrounding whitespace, and the complete line as it is forwarded. */
export type HeaderLine = readonly [name: string, value: string, line: string];

/** Header lines in the order they were received. */
export type HeaderList = readonly HeaderLine[];

/** Head of a request whose syntax has been validated (RFC 9112). */
export interface RequestHead {
  readonly method: string;
  /** Origin-form target as sent: path and query. */
  readonly target: string;
  readonly httpVersion: '1.0' | '1.1';
  readonly headers: HeaderList;
}

/** Head of a request and what it says about the connection and the body. */
export interface IncomingRequest {
  readonly head: RequestHead;
  readonly framing: Framing;
  /** Requested authority; null in an HTTP/1.0 request that names none. */
  readonly host: string | null;
  readonly keepAlive: boolean;
  readonly expectsContinue: boolean;
  /** Whether it requests a WebSocket upgrade. Other upgrades (h2c above all) are not forwarded. */
  readonly upgradesToWebSocket: boolean;
  /** Names listed by Connection, in lower case. */
  readonly connectionOptions: ReadonlySet<string> | null;
  /** Where the header section is the same as before on its connection: what was derived from it before. */
  readonly derived?: DerivedText;
}

/** What requests with the same header section have in common; computed by whoever needs it first. */
export interface DerivedText {
  /** The lines that are forwarded to instances. */
  upstreamLines: string | null;
}

/** Head of an upstream response and what it says about the connection and the body. */
export interface IncomingResponse {
  readonly status: number;
  readonly reason: string;
  readonly headers: HeaderList;
  readonly httpVersion: '1.0' | '1.1';
  readonly framing: Framing;
  readonly keepAlive: boolean;
  /** Seconds after which the server closes an idle connection, as it states in `Keep-Alive`; null where it does not. */
  readonly keepAliveSeconds: number | null;
  readonly connectionOptions: ReadonlySet<string> | null;
}

export interface FieldLimits {
  readonly fieldBytes: number;
  readonly fieldCount: number;
}

export interface HeadLimits extends FieldLimits {
  readonly targetBytes: number;
}
