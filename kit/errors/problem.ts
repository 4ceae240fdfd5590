/** One field that failed validation. The message says what is expected, never what was sent. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

export interface ProblemOptions {
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Kept for the log; never sent. */
  readonly cause?: unknown;
}

/** RFC 9457 media type. */
export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/**
 * A failure with a name, which the platform turns into an RFC 9457 document.
 * Make one with `defineProblem`; throw it anywhere below a route.
 */
export class Problem extends Error {
  readonly headers: Readonly<Record<string, string>>;
  readonly errors: readonly FieldError[] | undefined;
  readonly detail: string | undefined;

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
  }
}

/** The class of one named problem, with its constants on it so that docs can list them. */
export interface ProblemClass {
  new (options?: ProblemOptions): Problem;
  readonly code: string;
  readonly status: number;
  readonly title: string;
}

/**
 * Names a failure once.
 *
 * @param code stable, like `post.not-found`: `<subject>.<what>` in lower case
 * @param status the HTTP status it is answered with
 * @param title one sentence, the same for every occurrence
 */
export function defineProblem(code: string, status: number, title: string): ProblemClass {
  return class extends Problem {
    static readonly code = code;
    static readonly status = status;
    static readonly title = title;
    constructor(options: ProblemOptions = {}) {
      super(code, status, title, options);
    }
  };
}

export const ValidationFailed = defineProblem('request.invalid', 422, 'Some of what was sent is not valid');
export const MalformedBody = defineProblem(
  'request.malformed',
  400,
  'The body could not be read as what it claims to be',
);
export const UnsupportedMediaType = defineProblem(
  'request.unsupported-media-type',
  415,
  'This media type is not accepted here',
);
export const BodyTooLarge = defineProblem('request.too-large', 413, 'The body is larger than allowed');
export const RouteNotFound = defineProblem('route.not-found', 404, 'There is nothing at this address');
export const MethodNotAllowed = defineProblem(
  'route.method-not-allowed',
  405,
  'This address does not answer that method',
);
export const Unauthenticated = defineProblem('auth.unauthenticated', 401, 'A valid access token is needed');
export const Forbidden = defineProblem('auth.forbidden', 403, 'You may not do this');
export const DependencyUnavailable = defineProblem(
  'dependency.unavailable',
  503,
  'Something this needs is not available at the moment',
);
export const InternalError = defineProblem('internal', 500, 'Something went wrong on our side');

/** The document of a problem, ready to be sent; `instance` is the path, never the query. */
export function problemDocument(problem: Problem, request: { path: string; requestId: string }) {
  return {
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

/** The whole answer to a problem. */
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
