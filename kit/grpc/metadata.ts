import { Metadata } from '@grpc/grpc-js';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';

/** Metadata with the access token of the person a call is made for; `authorization` holds the calling service's own. */
export const USER_AUTHORIZATION = 'user-authorization';

/**
 * Where the request from outside came from that a call is made for. A service that calls for somebody tells the address
 * and the browser; a gateway that transcodes tells the rest too.
 */
export const HttpOrigin = Type.Object({
  address: Type.String({ maxLength: 64 }),
  user_agent: Type.Optional(Type.String({ maxLength: 255 })),
  protocol: Type.Optional(Type.Union([Type.Literal('http'), Type.Literal('https')])),
  host: Type.Optional(Type.String({ maxLength: 255 })),
  /** The request's `Cookie` header. */
  cookie: Type.Optional(Type.String({ maxLength: 16 * 1024 })),
});
export type HttpOrigin = Static<typeof HttpOrigin>;

/** What belongs to an HTTP answer besides its body; without it a transcoded answer is a plain 200, or 204 when empty. */
export const HttpResponseMetadata = Type.Object({
  status: Type.Optional(Type.Integer({ minimum: 200, maximum: 299 })),
  headers: Type.Optional(Type.Record(Type.String(), Type.String())),
});
export type HttpResponseMetadata = Static<typeof HttpResponseMetadata>;

/** `-bin` because gRPC lets only such values hold any text; with it clients send what headers of HTTP/2 could not hold. */
const ORIGIN = 'http-origin-bin';
const ANSWER = 'http-answer-bin';

/** Adds to a call's metadata where the request behind it came from. */
export function setHttpOrigin(metadata: Metadata, origin: HttpOrigin): void {
  metadata.set(ORIGIN, encoded(origin));
}

/** Where the request behind a call came from, where the caller has said it well-formed. */
export function httpOriginIn(metadata: Metadata): HttpOrigin | undefined {
  const value = decoded(metadata.get(ORIGIN)[0]);
  return Value.Check(HttpOrigin, value) ? value : undefined;
}

/** The trailers of an answered call, with what it means over HTTP. */
export function trailersOf(answer: HttpResponseMetadata | undefined): Metadata | undefined {
  if (answer === undefined) return undefined;
  const metadata = new Metadata();
  metadata.set(ANSWER, encoded(answer));
  return metadata;
}

/** What an answered call means over HTTP; empty where the callee has said nothing. */
export function httpResponseIn(trailers: Metadata): HttpResponseMetadata {
  const value = decoded(trailers.get(ANSWER)[0]);
  return Value.Check(HttpResponseMetadata, value) ? value : {};
}

const encoded = (value: object) => Buffer.from(JSON.stringify(value));

function decoded(value: string | Buffer | undefined): unknown {
  if (value === undefined) return undefined;
  try {
    return JSON.parse(value.toString());
  } catch {
    // As good as not said: the caller is told so by what it gets.
    return undefined;
  }
}
