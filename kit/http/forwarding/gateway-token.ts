import { ServiceTokenRefused } from '../../auth/service-token';

/**
 * The field with which the gateway proves that it has forwarded a request: its service token for the service. Clients
 * cannot set it, because the gateway drops `X-Internal-*`.
 */
export const GATEWAY_TOKEN_FIELD = 'x-internal-gateway';

/** The name under which the gateway signs service tokens. */
export const GATEWAY_NAME = 'gateway';

/** Fields that say where a request came from, or what it asks for, under every name a server may read it from. */
const PROXY_FIELDS = new Set([
  ...['cf-connecting-ip', 'client-ip', 'fastly-client-ip', 'true-client-ip', 'x-client-ip'],
  ...['forwarded', 'x-cluster-client-ip', 'x-host', 'x-real-ip', 'x-rewrite-url'],
  ...['x-http-method', 'x-http-method-override', 'x-method-override'],
]);
const PROXY_PREFIXES = ['x-forwarded', 'x-internal-', 'x-original-', 'x-user-'];

/**
 * Whether only a proxy in front of a server may set a field. The gateway drops these from clients and writes its own; a
 * service drops them unless the gateway has proved itself.
 *
 * @param lowerCase name of the field
 */
export function isProxyField(lowerCase: string): boolean {
  // Servers that expose headers as variables read `x_user_id`, `x.user.id` and `x-user-id` as the same.
  const asVariable = lowerCase.replaceAll(/[^a-z0-9]/g, '-');
  return PROXY_FIELDS.has(asVariable) || PROXY_PREFIXES.some((prefix) => asVariable.startsWith(prefix));
}

/** Drops every field that only a proxy may set. */
export function dropProxyFields(headers: Headers): void {
  const dropped: string[] = [];
  headers.forEach((_, name) => {
    if (isProxyField(name)) dropped.push(name);
  });
  for (const name of dropped) headers.delete(name);
}

/** Whether a token proves to be the gateway's; at once for one that was verified within the last seconds. */
export type RecognizeGateway = (token: string) => boolean | Promise<boolean>;

/** Less than the rest of a token's lifetime when the gateway replaces it. */
const RECOGNIZED_MS = 10_000;
/** Each process of each gateway has one token at a time. */
const MAX_RECOGNIZED = 256;

/**
 * Recognizes the gateway by its service token, without a signature or a turn of the event loop per request.
 *
 * @param verifyService from `createServiceTokenVerifier`, for tokens of this service
 * @param now monotonic milliseconds
 */
export function createGatewayRecognition(
  verifyService: (token: string) => Promise<string>,
  now: () => number = () => performance.now(),
): RecognizeGateway {
  const recognized = new Map<string, number>();

  async function verify(token: string): Promise<boolean> {
    try {
      if ((await verifyService(token)) !== GATEWAY_NAME) return false;
    } catch (failure) {
      if (failure instanceof ServiceTokenRefused) return false;
      throw failure;
    }
    if (recognized.size >= MAX_RECOGNIZED) recognized.clear();
    recognized.set(token, now() + RECOGNIZED_MS);
    return true;
  }

  return (token) => {
    const untilMs = recognized.get(token);
    if (untilMs !== undefined && now() < untilMs) return true;
    recognized.delete(token);
    return verify(token);
  };
}
