import { expect, test } from 'bun:test';
import { headerLine } from '../http1/field-lines';
import { NO_BODY } from '../http1/framing';
import type { HeaderLine } from '../http1/message';
import type { Decision } from '../model/decision';
import { RateLimited } from '../model/problems';
import type { RequestContext } from '../model/request-context';
import { UNLIMITED_STREAMS } from '../model/stream-places';
import { type AdmissionModules, createAdmission } from './admission';
import type { CrossOrigin } from './cross-origin';
import type { RateLimits } from './rate-limits';
import type { RateVerdict } from './rate-verdict';

const REVISION = 'X-Registry-Revision: 7\r\n';

function contextOf(target: string, method = 'GET', more: readonly HeaderLine[] = []): RequestContext {
  const headers = [headerLine('Origin', 'http://app'), ...more];
  const head = { method, target, httpVersion: '1.1', headers } as const;
  return {
    request: {
      head,
      framing: NO_BODY,
      host: 'a',
      keepAlive: true,
      expectsContinue: false,
      upgradesToWebSocket: false,
      connectionOptions: null,
    },
    origin: {
      address: '203.0.113.7',
      protocol: 'http',
      host: 'a',
      prefix: '',
      forwardedFields: [],
      forwardedLines: '',
    },
    requestId: 'request-1',
    traceId: '',
    traceparent: '',
    parentSpanId: null,
    traceContinued: false,
    startedMs: 0,
    revision: 7,
  };
}

const ownPage = (page: string): Decision => ({ kind: 'local', page, target: page, prefix: '' });
const LOCAL = ownPage('/');
const SIGN_IN: Decision = {
  kind: 'transcode',
  service: 'auth',
  route: '/auth/login',
  limits: { bodyBytes: 1, requestTimeoutMs: 1, tryTimeoutMs: 1, hedgeMs: 0 },
  rateLimit: 'sign-in',
  target: '/auth/login',
  prefix: '',
  streamsBody: false,
  respond: () => Promise.reject(new Error('not called')),
};

const crossOrigin: CrossOrigin = {
  headerLines: () => 'Cors: yes\r\n',
  preflight: ({ method }) => (method === 'OPTIONS' ? 'Methods: GET\r\n' : null),
};
const GENERAL: RateVerdict = { headerLines: 'General: 1\r\n', problem: null };
const limitsWith = (strict: ReturnType<RateLimits['check']>, general = GENERAL): RateLimits => ({
  admit: () => general,
  check: () => strict,
});
const admissionWith = (modules: Partial<AdmissionModules>) =>
  createAdmission({
    crossOrigin: null,
    rateLimits: null,
    responseCache: null,
    routeAccess: null,
    forwardingProofs: null,
    streamPlaces: UNLIMITED_STREAMS,
    strictTransport: '',
    ...modules,
  });

test('a request is admitted with the header lines of all modules', () => {
  const { admit } = admissionWith({ crossOrigin, rateLimits: limitsWith(null) });
  expect(admit(contextOf('/'), LOCAL)).toEqual({
    kind: 'admit',
    headerLines: `${REVISION}Cors: yes\r\nGeneral: 1\r\n`,
    recorder: null,
  });
  expect(admissionWith({}).admit(contextOf('/'), LOCAL)).toMatchObject({
    headerLines: REVISION,
  });
});

test('probes are exempt from rate limits, other local routes are not', () => {
  const problem = new RateLimited();
  const rateLimits = limitsWith(null, { headerLines: '', problem });
  const { admit } = admissionWith({ rateLimits });
  for (const target of ['/readyz', '/readyz/', '/v1/readyz'])
    expect(admit(contextOf(target), ownPage('/readyz')).kind).toBe('admit');
  expect(admit(contextOf('/routes'), ownPage('/routes'))).toMatchObject({ kind: 'reject', problem });
});

test('a preflight is answered before any limit', () => {
  const refused = { headerLines: 'Limited: 1\r\n', problem: new RateLimited() };
  const rateLimits = limitsWith(refused, refused);
  const { admit } = admissionWith({ crossOrigin, rateLimits });
  expect(admit(contextOf('/auth/login', 'OPTIONS'), SIGN_IN)).toMatchObject({
    kind: 'preflight',
    headerLines: REVISION,
    lines: 'Methods: GET\r\n',
  });
  // Also one that allows nothing, which routing answers; not another OPTIONS.
  const options: Decision = { kind: 'options', lines: 'Allow: GET\r\n' };
  const withoutCors = admissionWith({ rateLimits });
  const preflight = contextOf('/posts', 'OPTIONS', [headerLine('Access-Control-Request-Method', 'GET')]);
  expect(withoutCors.admit(preflight, options).kind).toBe('admit');
  expect(withoutCors.admit(contextOf('/posts', 'OPTIONS'), options).kind).toBe('reject');
});

test('a strict limit decides at once or later, and the plan until then has the other header lines', async () => {
  const verdict: RateVerdict = { headerLines: 'Strict: 1\r\n', problem: null };
  const admitWith = (strict: ReturnType<RateLimits['check']>) =>
    admissionWith({ rateLimits: limitsWith(strict) }).admit(contextOf('/auth/login'), SIGN_IN);
  const complete = { kind: 'admit', headerLines: `${REVISION}General: 1\r\nStrict: 1\r\n` };
  expect(admitWith(verdict)).toMatchObject(complete);
  const pending = admitWith(Promise.resolve(verdict));
  expect(pending).toMatchObject({ kind: 'pending', headerLines: `${REVISION}General: 1\r\n` });
  expect(pending.kind === 'pending' && (await pending.decided)).toMatchObject(complete);
});
