import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { addressRanges } from '../../core/address-ranges';
import { mediaTypeOf } from '../../text/media-type';
import { readBounded } from './body';
import {
  OutboundFailure,
  type OutboundPolicy,
  type OutboundTarget,
  type Resolve,
  resolveBySystem,
  resolveTarget,
} from './target';

/** A request to an address that a stranger has named. */
export interface OutboundRequest {
  /** GET unless said otherwise. Only GET follows redirects. */
  readonly method?: 'GET' | 'POST';
  /** Sent to the named server only, never to one that it redirects to. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** The media types that are read; any other is refused. Empty: the body is discarded. */
  readonly mediaTypes: readonly string[];
  /** Of the body, decompressed. */
  readonly maxBytes: number;
  /** From the first look-up to the last byte, redirects included; 10,000 unless said otherwise. */
  readonly timeoutMs?: number;
  /** Whether GET follows redirects, three at most; true unless said otherwise. */
  readonly followsRedirects?: boolean;
  /** Whether plain HTTP is refused. */
  readonly secureOnly?: boolean;
  readonly signal?: AbortSignal;
}

export interface OutboundResponse {
  readonly status: number;
  /** Of the server that has responded, after redirects. */
  readonly url: string;
  readonly mediaType: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Makes requests to addresses that strangers name: webhooks, push endpoints, discovery, link cards, pictures by URL. */
export interface OutboundClient {
  /** @throws OutboundFailure */
  request(url: string, request: OutboundRequest): Promise<OutboundResponse>;
}

export interface OutboundOptions {
  /** Of the User-Agent: `Rookery/1.2.3`. */
  readonly version: string;
  /** Ranges (`10.0.0.0/8`) that may be called although they are not public; none by default. */
  readonly allowedRanges?: readonly string[];
  readonly ports?: readonly number[];
  readonly resolve?: Resolve;
  /** Certificate authorities, instead of those of the system. */
  readonly authorities?: string;
}

const MAX_REDIRECTS = 3;
const TIMEOUT_MS = 10_000;
/** From the connection to the head of the response. */
const HEAD_TIMEOUT_MS = 5_000;
const WEB_PORTS = [80, 443];
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * The one client for addresses of strangers. It connects to the very address that was checked, so that a name cannot lead
 * elsewhere a moment later (DNS rebinding), and checks each redirect in the same way. Nothing of ours goes along: no
 * cookies, no credentials, no proxy of the environment.
 */
export function createOutboundClient(options: OutboundOptions): OutboundClient {
  const policy: OutboundPolicy = {
    ports: options.ports ?? WEB_PORTS,
    isAllowedAddress: addressRanges(options.allowedRanges ?? []),
    resolve: options.resolve ?? resolveBySystem,
  };

  async function follow(text: string, request: OutboundRequest, signal: AbortSignal) {
    let target = await resolveTarget(text, policy);
    const { method = 'GET', secureOnly = false, followsRedirects = true } = request;
    const follows = method === 'GET' && followsRedirects;
    let headers = request.headers ?? {};
    for (let redirects = 0; ; redirects++) {
      signal.throwIfAborted();
      if (secureOnly && target.url.protocol !== 'https:') throw new OutboundFailure('refused-url');
      const response = await send(target, { ...request, headers, method }, { ...options, signal });
      const { location } = response.headers;
      const status = response.statusCode ?? 0;
      if (!follows || !REDIRECTS.has(status) || location === undefined)
        return { response, status, url: target.url.href };
      response.destroy();
      if (redirects === MAX_REDIRECTS) throw new OutboundFailure('too-many-redirects');
      const next = await resolveTarget(URL.parse(location, target.url)?.href ?? '', policy);
      if (target.url.protocol === 'https:' && next.url.protocol !== 'https:')
        throw new OutboundFailure('refused-url');
      if (next.url.origin !== target.url.origin) headers = {};
      target = next;
    }
  }

  return {
    async request(text, request) {
      const timeout = AbortSignal.timeout(request.timeoutMs ?? TIMEOUT_MS);
      const signal = AbortSignal.any(request.signal ? [timeout, request.signal] : [timeout]);
      try {
        const { response, status, url } = await withSignal(follow(text, request, signal), signal);
        const mediaType = mediaTypeOf(response.headers['content-type'] ?? null);
        if (request.mediaTypes.length === 0) {
          response.destroy();
          return { status, url, mediaType, body: new Uint8Array() };
        }
        if (!request.mediaTypes.includes(mediaType)) {
          response.destroy();
          throw new OutboundFailure('refused-media-type');
        }
        return { status, url, mediaType, body: await readBounded(response, request.maxBytes, signal) };
      } catch (failure) {
        if (failure instanceof OutboundFailure) throw failure;
        throw new OutboundFailure(timeout.aborted ? 'timeout' : 'unreachable', { cause: failure });
      }
    },
  };
}

/** Rejects when the signal aborts: a look-up in the DNS does not. */
function withSignal<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort);
  return Promise.race([work, aborted.promise]).finally(() => signal.removeEventListener('abort', abort));
}

/** Sends one request on a connection of its own, to the checked addresses only; resolves with the head of the response. */
function send(
  { url, addresses }: OutboundTarget,
  { method, headers, body }: OutboundRequest,
  { version, authorities, signal }: OutboundOptions & { signal: AbortSignal },
): Promise<IncomingMessage> {
  const lookup: LookupFunction = (_, { all }, callback) => {
    const [first] = addresses;
    if (all) callback(null, [...addresses]);
    else callback(null, first?.address ?? '', first?.family);
  };
  const make = url.protocol === 'https:' ? requestHttps : requestHttp;
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = make(url, {
    method: method ?? 'GET',
    // Without an agent there is neither a pool, in which a name stands for its address, nor a proxy.
    agent: false,
    lookup,
    signal,
    ...(authorities !== undefined && { ca: authorities }),
    headers: {
      'user-agent': `Rookery/${version}`,
      accept: '*/*',
      'accept-encoding': 'gzip, deflate, br',
      connection: 'close',
      ...headers,
      ...(body !== undefined && { 'content-length': String(body.length) }),
    },
  });
  const late = setTimeout(() => request.destroy(new OutboundFailure('timeout')), HEAD_TIMEOUT_MS);
  request.once('response', resolve);
  request.once('error', reject);
  void promise.catch(() => undefined).finally(() => clearTimeout(late));
  request.end(body);
  return promise;
}
