import { Counter } from 'prom-client';
import { ServiceTokenRefused } from '../auth/service-token';
import { sharedMetric } from '../core/metrics';
import type { Runtime } from '../core/runtime';
import { defineProblem } from '../errors/problem';
import type { GrpcMethod } from './definition';

/** The caller is known, and this method is not meant for it. */
export const ServiceNotPermitted = defineProblem('service.not-permitted', 403, 'Service not permitted');

/** Stands for every process with a key. */
const ANY = '*';
/** The key of `rookery.v1.callers` (51234) among the options of a method: protobuf wire type 2, a text. */
const OPTION = (51_234 << 3) | 2;

/**
 * The processes that may call a method: the `rookery.v1.callers` options of its definition, which the generated code
 * keeps as their encoding, a length of one byte and the name.
 */
export function callersOf({ options }: Pick<GrpcMethod, 'options'>): ReadonlySet<string> {
  const encoded = options._unknownFields?.[OPTION] ?? [];
  return new Set(encoded.map((bytes) => Buffer.from(bytes.subarray(1)).toString('utf8')));
}

/** Whether a process of this name is among the callers of a method. */
export const mayCall = (callers: ReadonlySet<string>, caller: string): boolean =>
  callers.has(caller) || callers.has(ANY);

/**
 * Decides whether a call is served, by its service token: the name of the calling process.
 *
 * @throws ServiceTokenRefused without a valid token, ServiceNotPermitted when it may not call this method
 */
export type CallerCheck = (
  called: { service: string; method: string; callers: ReadonlySet<string> },
  token: string | undefined,
) => Promise<string>;

/** Counts and logs each refused call, with the name of its caller. */
export function checkCallers(
  runtime: Runtime,
  verify: (token: string | undefined) => Promise<string>,
): CallerCheck {
  const refused = sharedMetric(
    runtime.metrics,
    'grpc_server_refused_callers_total',
    () =>
      new Counter({
        name: 'grpc_server_refused_callers_total',
        help: 'gRPC calls without a valid service token, or of a process that may not make them',
        labelNames: ['grpc_service', 'grpc_method', 'caller'],
        registers: [runtime.metrics],
      }),
  );

  return async ({ service, method, callers }, token) => {
    const refuse = (caller: string, reason: string) => {
      refused.inc({ grpc_service: service, grpc_method: method, caller });
      runtime.log.warn({ grpc_service: service, grpc_method: method, caller, reason }, 'gRPC caller refused');
    };
    let caller: string;
    try {
      caller = await verify(token);
    } catch (failure) {
      if (failure instanceof ServiceTokenRefused) refuse('unknown', failure.code);
      throw failure;
    }
    if (mayCall(callers, caller)) return caller;
    refuse(caller, ServiceNotPermitted.code);
    throw new ServiceNotPermitted({ detail: `${caller} may not call this method.` });
  };
}
