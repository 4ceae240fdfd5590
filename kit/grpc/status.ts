import { Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { DependencyUnavailable, defineProblem, InternalError, Problem } from '../errors/problem';

export const DependencyTimedOut = defineProblem(
  'dependency.timed-out',
  504,
  'Something this needs did not answer in time',
);

/** Seconds a client is asked to wait when a service is gone: as long as a restart usually takes. */
export const RETRY_AFTER_SECONDS = 1;

/**
 * From HTTP to gRPC, after the table of google/rpc/code.proto. A `409` is not in here: it depends on the problem.
 * The whole problem travels beside the status, so these are for foreign clients, retries and metrics.
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

/** Trailer with the problem as JSON; `-bin` because gRPC lets only such values hold any text. */
const PROBLEM_TRAILER = 'problem-bin';
/** Trailers share HTTP/2's header limit, which some clients set as low as 8 KiB. */
const MAXIMUM_FIELD_ERRORS = 20;

const ProblemTrailer = Type.Object({
  code: Type.String(),
  status: Type.Integer({ minimum: 400, maximum: 599 }),
  title: Type.String(),
  detail: Type.Optional(Type.String()),
  errors: Type.Optional(Type.Array(Type.Object({ field: Type.String(), message: Type.String() }))),
  headers: Type.Record(Type.String(), Type.String()),
});
type ProblemTrailer = Static<typeof ProblemTrailer>;

/** The gRPC status a problem is answered with. */
export function statusOfProblem(problem: Problem): status {
  if (problem.status === 409)
    return /taken$|already/.test(problem.code) ? status.ALREADY_EXISTS : status.FAILED_PRECONDITION;
  return (
    STATUS_BY_HTTP[problem.status] ?? (problem.status < 500 ? status.FAILED_PRECONDITION : status.INTERNAL)
  );
}

/** The end of a failed call: status, title as its message, and the problem for callers who can read it. */
export function statusFromProblem(problem: Problem): StatusObject {
  const { code, title, detail, errors, headers } = problem;
  const trailer: ProblemTrailer = {
    code,
    status: problem.status,
    title,
    ...(detail !== undefined && { detail }),
    ...(errors !== undefined && { errors: errors.slice(0, MAXIMUM_FIELD_ERRORS) }),
    headers: { ...headers },
  };
  const metadata = new Metadata();
  metadata.set(PROBLEM_TRAILER, Buffer.from(JSON.stringify(trailer)));
  return { code: statusOfProblem(problem), details: detail ?? title, metadata };
}

/** The problem behind a failed call: the callee's own, or what the bare status means for the caller. */
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

function readTrailer(metadata: Metadata | undefined): ProblemTrailer | undefined {
  const [value] = metadata?.get(PROBLEM_TRAILER) ?? [];
  if (value === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(value.toString());
    return Value.Check(ProblemTrailer, parsed) ? parsed : undefined;
  } catch {
    // Not ours: the status alone decides then.
    return undefined;
  }
}
