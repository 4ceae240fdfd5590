import { eventually } from '../../support/eventually';
import { type StartedProcess, startProcess } from '../../support/processes';

const TOKENS = {
  JWT_ALG: 'HS256',
  JWT_SECRET: 'a-secret-for-tests-of-conformance',
  JWT_ISSUER: 'http://issuer.test',
  JWT_AUDIENCE: 'rookery',
};

/** A real registry, gateway and service. */
export interface ConformanceSystem {
  readonly gateway: StartedProcess;
  readonly port: number;
  readonly registryUrl: string;
  stop(): Promise<void>;
}

/** @param environment of the gateway */
export async function startSystem(environment: Record<string, string> = {}): Promise<ConformanceSystem> {
  const registry = await startProcess('registry/main.ts', {});
  const [gateway, echo] = await Promise.all([
    startProcess('gateway/main.ts', { ...TOKENS, REGISTRY_URL: registry.url, ...environment }),
    startProcess('tests/support/echo-service.ts', { ...TOKENS, REGISTRY_URL: registry.url }),
  ]);
  await eventually(async () => (await fetch(`${gateway.url}/echo`)).status === 200);
  return {
    gateway,
    registryUrl: registry.url,
    port: Number(new URL(gateway.url).port),
    async stop() {
      await Promise.all([gateway.stop(), echo.stop()]);
      await registry.stop();
    },
  };
}
