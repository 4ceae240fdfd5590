import { Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { ServiceOverloaded } from '../core/queues/work-queue';
import { DependencyUnavailable, defineProblem, InternalError, Problem } from '../errors/problem';

export const DependencyTimedOut = defineProblem('dependency.timed-out', 504, 'Dependency timed out');

/** Seconds a client should wait when a service is unavailable: a restart usually takes that long. */
export const RETRY_AFTER_SECONDS = 1;

/**
 * From HTTP to gRPC, after the table of google/rpc/code.proto. `409` is missing because it depends on the problem. The
 * whole problem is sent with the status: these are for third-party clients, retries and metrics.
 */
const STATUS_BY_HTTP: Readonly<Record<number, status>> = {
  400: status.INVALID_ARGUMENT,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.NOT_FOUND,
  405: status.UNIMPLEMENTED,
  410: status.NOT_FOUND,
  412: status.FAILED_PRECONDITION,
  413: status.INVALID_ARGUMENT,
  415: status.INVALID_ARGUMENT,
  422: status.INVALID_ARGUMENT,
  428: status.FAILED_PRECONDITION,
  429: status.RESOURCE_EXHAUSTED,
  499: status.CANCELLED,
  501: status.UNIMPLEMENTED,
  502: status.UNAVAILABLE,
  503: status.UNAVAILABLE,
  504: status.DEADLINE_EXCEEDED,
};

/**
 * The reasons, the last part of a problem's code, for which a `409` is ALREADY_EXISTS: another resource has the value, or
 * the caller's own action was done before. Any other `409` is FAILED_PRECONDITION.
 */
const ALREADY_EXISTS_REASONS: ReadonlySet<string> = new Set([
  ...['already-reposted', 'already-voted', 'video-already-there'],
  ...[
    'taken',
    'claim-taken',
    'email-taken',
    'name-taken',
    'identity-taken',
    'phone-number-taken',
    'username-taken',
  ],
]);

/** Trailer with the problem as JSON; `-bin` because gRPC allows arbitrary text in such values only. */
const PROBLEM_TRAILER = 'problem-bin';
/** Trailers count towards HTTP/2's header limit, which some clients set as low as 8 KiB. */
const MAX_FIELD_ERRORS = 20;

const ProblemTrailer = Type.Object({
  code: Type.String(),
  status: Type.Integer({ minimum: 400, maximum: 599 }),
  title: Type.String(),
  detail: Type.Optional(Type.String()),
  errors: Type.Optional(Type.Array(Type.Object({ field: Type.String(), message: Type.String() }))),
  headers: Type.Record(Type.String(), Type.String()),
  members: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
type ProblemTrailer = Static<typeof ProblemTrailer>;

/** The gRPC status of a problem. */
export function statusOfProblem(problem: Problem): status {
  // An instance that turns work away is healthy: UNAVAILABLE would count towards its ejection.
  if (problem.code === ServiceOverloaded.code) return status.RESOURCE_EXHAUSTED;
  if (problem.status === 409)
    return ALREADY_EXISTS_REASONS.has(reasonOf(problem)) ? status.ALREADY_EXISTS : status.FAILED_PRECONDITION;
  return (
    STATUS_BY_HTTP[problem.status] ?? (problem.status < 500 ? status.FAILED_PRECONDITION : status.INTERNAL)
  );
}

const reasonOf = ({ code }: Problem): string => code.slice(code.lastIndexOf('.') + 1);

/** The end of a failed call: its status, its detail or title as the message, and the problem as a trailer. */
export function statusFromProblem(problem: Problem): StatusObject {
  const { code, title, detail, errors, headers, members } = problem;
  const trailer: ProblemTrailer = {
    code,
    status: problem.status,
    title,
    ...(detail !== undefined && { detail }),
    ...(errors !== undefined && { errors: errors.slice(0, MAX_FIELD_ERRORS) }),
    headers: { ...headers },
    ...(members !== undefined && { members: { ...members } }),
  };
  const metadata = new Metadata();
  metadata.set(PROBLEM_TRAILER, Buffer.from(JSON.stringify(trailer)));
  return { code: statusOfProblem(problem), details: detail ?? title, metadata };
}

/** The problem of a failed call: that of the callee, or one derived from the bare status. */
export function problemFromStatus(failure: ServiceError): Problem {
  const sent = readTrailer(failure.metadata);
  if (sent !== undefined) {
    const { code, status: httpStatus, title, ...options } = sent;
    return new Problem(code, httpStatus, title, { ...options, cause: failure });
  }
  switch (failure.code) {
    case status.DEADLINE_EXCEEDED:
      return new DependencyTimedOut({ cause: failure });
    case status.UNAVAILABLE:
    case status.CANCELLED:
      return new DependencyUnavailable({
        headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
        cause: failure,
      });
    default:
      return new InternalError({ cause: failure });
  }
}

/** Causes that are looked through. */
const MAX_CAUSES = 5;

/** The status of the call behind a failure by its name, like `UNAVAILABLE`; undefined where none failed. */
export function statusNameOf(failure: unknown): string | undefined {
  let cause = failure;
  for (let depth = 0; depth < MAX_CAUSES && cause instanceof Error; depth++) {
    if ('code' in cause && 'details' in cause && typeof cause.code === 'number') return status[cause.code];
    cause = cause.cause;
  }
  return undefined;
}

function readTrailer(metadata: Metadata | undefined): ProblemTrailer | undefined {
  const [value] = metadata?.get(PROBLEM_TRAILER) ?? [];
  if (value === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(value.toString());
    return Value.Check(ProblemTrailer, parsed) ? parsed : undefined;
  } catch {
    // Not a problem: the status decides.
    return undefined;
  }
}
