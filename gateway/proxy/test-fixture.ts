import { afterEach } from 'bun:test';
import { rawUpstream, startTestGateway, type TestSetup } from './test-gateway';

/** Starts gateways and instances for the tests of one file, and stops them after each test. */
export function gatewayFixture() {
  const stops: (() => unknown)[] = [];
  const stopAfter = (...added: (() => unknown)[]) => void stops.push(...added);
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  return {
    /** Registers clean-ups that run after the test, in order of registration. */
    stopAfter,
    async startGateway(setup: TestSetup) {
      const gateway = await startTestGateway(setup);
      stopAfter(() => gateway.stop());
      return gateway;
    },
    startUpstream(...talk: Parameters<typeof rawUpstream>) {
      const upstream = rawUpstream(...talk);
      stopAfter(upstream.stop);
      return upstream;
    },
  };
}
