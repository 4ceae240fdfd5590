import type { Registration, RouteClaim } from '#contracts/registry';
import type { FieldError } from '#kit/errors/problem';
import type { RegistrationInput } from '../table/model';
import { isReservedName } from './names';
import { routeProblem } from './route-rules';

/** Without routes and without a document, an instance answers everything below `/{name}/`. */
const EVERYTHING: readonly RouteClaim[] = ['/', '/*'].map((path) => ({
  method: 'ALL',
  path,
  auth: 'public',
  prefix_only: true,
}));

/** A registration with its defaults. The routes of a document are found when its address is verified. */
export function completed(registration: Registration): RegistrationInput {
  const { routes, openapi } = registration;
  return {
    ...registration,
    version: registration.version ?? '0.0.0',
    prefixes: registration.prefixes ?? [registration.name],
    routes:
      routes?.map((route) => ({ ...route, auth: route.auth ?? 'public' })) ??
      (openapi === undefined ? [...EVERYTHING] : []),
  };
}

/**
 * What is wrong with a registration beyond its schema: each message tells the right form and echoes nothing.
 *
 * @param rules.requiresProof whether `verify: "http"` is refused
 * @param rules.verifiesTls whether this registry can verify certificates
 */
export function registrationProblems(
  registration: RegistrationInput,
  { requiresProof, verifiesTls }: { readonly requiresProof: boolean; readonly verifiesTls: boolean },
): FieldError[] {
  const { name, prefixes, routes, tls = false, auth_by = 'gateway' } = registration;
  const errors: FieldError[] = [];
  if (isReservedName(name)) errors.push({ field: 'name', message: RESERVED });
  prefixes.forEach((prefix, index) => {
    if (prefix !== name && isReservedName(prefix))
      errors.push({ field: `prefixes.${index}`, message: RESERVED });
  });
  routes.forEach((route, index) => {
    const problem = routeProblem(route, auth_by);
    if (problem) errors.push({ field: `routes.${index}.${problem.field}`, message: problem.message });
  });
  if (tls && !verifiesTls)
    errors.push({
      field: 'tls',
      message: 'This registry has no INTERNAL_TLS_CA: it cannot verify the certificate.',
    });
  return [...errors, ...verificationProblems(registration, requiresProof)].slice(0, MAX_ERRORS);
}

const MAX_ERRORS = 20;
const RESERVED =
  'This name is reserved: the gateway serves it itself, or it is a version. Choose the name of what the service does.';

function verificationProblems(registration: RegistrationInput, requiresProof: boolean): FieldError[] {
  const { verify = 'proof', health_path, grpc_port, port, openapi, routes } = registration;
  const errors: FieldError[] = [];
  if (openapi !== undefined && routes.length > 0)
    errors.push({ field: 'openapi', message: 'Send either `routes` or `openapi`.' });
  if (grpc_port === port) errors.push({ field: 'grpc_port', message: 'HTTP and gRPC need a port each.' });
  if (verify === 'proof') {
    if (health_path !== undefined)
      errors.push({ field: 'health_path', message: 'Send it together with `verify: "http"` only.' });
    return errors;
  }
  if (requiresProof)
    errors.push({
      field: 'verify',
      message: 'This registry requires a proof of the address: leave `verify` out and answer its challenge.',
    });
  if (health_path === undefined)
    errors.push({ field: 'health_path', message: 'Name a path that answers with 2xx, like `/health`.' });
  if (grpc_port !== undefined)
    errors.push({ field: 'grpc_port', message: 'A gRPC port needs a proof: leave `verify` out.' });
  return errors;
}
