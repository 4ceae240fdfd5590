/** A field that failed validation. The message states what is expected and never echoes the submitted value. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

export interface ProblemOptions {
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
  /** More members of the document (RFC 9457, section 3.2), in JSON: what a client needs to go on. */
  readonly members?: Readonly<Record<string, unknown>>;
  /** Logged, never sent to the client. */
  readonly cause?: unknown;
}

/** The media type of problem documents (RFC 9457, section 3). */
export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/**
 * A named error that the platform turns into a problem document (RFC 9457). Define it with `defineProblem` and throw it
 * anywhere below a route or a gRPC handler.
 */
export class Problem extends Error {
  readonly headers: Readonly<Record<string, string>>;
  readonly errors: readonly FieldError[] | undefined;
  readonly detail: string | undefined;
  readonly members: Readonly<Record<string, unknown>> | undefined;

  constructor(
    readonly code: string,
    readonly status: number,
    readonly title: string,
    options: ProblemOptions = {},
  ) {
    super(options.detail ? `${title}: ${options.detail}` : title, { cause: options.cause });
    this.name = 'Problem';
    this.headers = options.headers ?? {};
    this.errors = options.errors;
    this.detail = options.detail;
    this.members = options.members;
  }
}

/** The class of a named problem. Its constants are static, so that the generated error list can read them. */
export interface ProblemClass {
  new (options?: ProblemOptions): Problem;
  readonly code: string;
  readonly status: number;
  readonly title: string;
}

/**
 * Defines a named error.
 *
 * @param code stable identifier for clients: `<subject>.<reason>` in lower case, like `post.not-found`
 * @param status HTTP status of the response
 * @param title short summary, the same for every occurrence (RFC 9457, section 3.1.3)
 * @param headers of every response of it
 */
export function defineProblem(
  code: string,
  status: number,
  title: string,
  headers: Readonly<Record<string, string>> = {},
): ProblemClass {
  return class extends Problem {
    static readonly code = code;
    static readonly status = status;
    static readonly title = title;
    constructor(options: ProblemOptions = {}) {
      super(code, status, title, { ...options, headers: { ...headers, ...options.headers } });
    }
  };
}

export const ValidationFailed = defineProblem('request.invalid', 422, 'Request validation failed');
export const MalformedBody = defineProblem('request.malformed', 400, 'Malformed request body');
export const UnsupportedMediaType = defineProblem(
  'request.unsupported-media-type',
  415,
  'Unsupported media type',
);
export const BodyTooLarge = defineProblem('request.too-large', 413, 'Request body too large');

/** The problem of a body that exceeds its limit, the same at the gateway and at a service. */
export const bodyTooLarge = (maxBytes: number): Problem =>
  new BodyTooLarge({ detail: `The maximum body size is ${maxBytes} bytes.` });

export const RouteNotFound = defineProblem('route.not-found', 404, 'Not found');
export const MethodNotAllowed = defineProblem('route.method-not-allowed', 405, 'Method not allowed');
export const Unauthenticated = defineProblem('auth.unauthenticated', 401, 'Authentication required');
export const Forbidden = defineProblem('auth.forbidden', 403, 'Permission denied');
export const DependencyUnavailable = defineProblem('dependency.unavailable', 503, 'Dependency unavailable');
export const InternalError = defineProblem('internal', 500, 'Internal server error');

/** Builds the problem document. `instance` is the path without the query, which may hold secrets. */
export function problemDocument(problem: Problem, request: { path: string; requestId: string }) {
  return {
    ...problem.members,
    type: `urn:rookery:problem:${problem.code}`,
    title: problem.title,
    status: problem.status,
    ...(problem.detail !== undefined && { detail: problem.detail }),
    instance: request.path,
    code: problem.code,
    request_id: request.requestId,
    ...(problem.errors !== undefined && { errors: problem.errors }),
  };
}

/**
 * The response field by which an instance says that it is healthy and turns work away: gateways do not eject it, as Envoy
 * does not with `x-envoy-overloaded`.
 */
export const OVERLOADED_FIELD = 'x-overloaded';

/** Builds the complete HTTP response of a problem. */
export function problemResponse(problem: Problem, request: { path: string; requestId: string }): Response {
  return new Response(JSON.stringify(problemDocument(problem, request)), {
    status: problem.status,
    headers: {
      ...problem.headers,
      'content-type': PROBLEM_MEDIA_TYPE,
      'cache-control': 'no-store',
      'x-request-id': request.requestId,
    },
  });
}
