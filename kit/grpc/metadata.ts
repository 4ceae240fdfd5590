import { Metadata } from '@grpc/grpc-js';
import { type Static, Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';

/** The metadata key of the access token of the user a call is made for; `authorization` holds the service token. */
export const USER_AUTHORIZATION = 'user-authorization';

/**
 * The origin of the external request that a call is made for. Services send the address and the user agent; a transcoding
 * gateway also sends the rest.
 */
export const HttpOrigin = Type.Object({
  address: Type.String({ maxLength: 64 }),
  user_agent: Type.Optional(Type.String({ maxLength: 255 })),
  protocol: Type.Optional(Type.Union([Type.Literal('http'), Type.Literal('https')])),
  host: Type.Optional(Type.String({ maxLength: 255 })),
  /** The request's `Cookie` header. */
  cookie: Type.Optional(Type.String({ maxLength: 16 * 1024 })),
  /** Its `Origin` and `Sec-Fetch-Site` headers. */
  origin: Type.Optional(Type.String({ maxLength: 512 })),
  fetch_site: Type.Optional(Type.String({ maxLength: 32 })),
});
export type HttpOrigin = Static<typeof HttpOrigin>;

/** Status and headers of a transcoded response; without it the response is a plain 200, or 204 when empty. */
export const HttpResponseMetadata = Type.Object({
  status: Type.Optional(Type.Integer({ minimum: 200, maximum: 299 })),
  headers: Type.Optional(Type.Record(Type.String(), Type.String())),
  /** `Set-Cookie` values. */
  cookies: Type.Optional(Type.Array(Type.String())),
});
export type HttpResponseMetadata = Static<typeof HttpResponseMetadata>;

const Origins = TypeCompiler.Compile(HttpOrigin);
const Responses = TypeCompiler.Compile(HttpResponseMetadata);

/** `-bin` because gRPC allows arbitrary text in such values only. */
const ORIGIN = 'http-origin-bin';
const RESPONSE = 'http-answer-bin';

/** Adds the origin of the external request to the metadata of a call. */
export function setHttpOrigin(metadata: Metadata, origin: HttpOrigin): void {
  metadata.set(ORIGIN, encoded(origin));
}

/** The origin of the external request; undefined where it is missing or malformed. */
export function httpOriginIn(metadata: Metadata): HttpOrigin | undefined {
  const value = decoded(metadata.get(ORIGIN)[0]);
  return value !== undefined && Origins.Check(value) ? value : undefined;
}

/** The trailers of a successful call, with its HTTP status and headers. */
export function trailersOf(response: HttpResponseMetadata | undefined): Metadata | undefined {
  if (response === undefined) return undefined;
  const metadata = new Metadata();
  metadata.set(RESPONSE, encoded(response));
  return metadata;
}

/** The HTTP status and headers of a successful call; empty where the callee has set none. */
export function httpResponseIn(trailers: Metadata): HttpResponseMetadata {
  const value = decoded(trailers.get(RESPONSE)[0]);
  return value !== undefined && Responses.Check(value) ? value : {};
}

const encoded = (value: object) => Buffer.from(JSON.stringify(value));

function decoded(value: string | Buffer | undefined): unknown {
  if (value === undefined) return undefined;
  try {
    return JSON.parse(value.toString());
  } catch {
    // Malformed is treated as missing.
    return undefined;
  }
}
