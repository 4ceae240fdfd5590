import { pino } from 'pino';
import { createRuntime } from '#kit/core/runtime';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { runEventWorker } from '#kit/worker';
import { paymentsWorker } from '../../workers/payments';
import { mockProvider } from '../../workers/payments/mock';
import { accountsClient } from './accounts';
import { isolated } from './mail';
import { paymentClients } from './payments';
import { amqpUrl } from './servers';

/**
 * The payments worker in a process of its own, which kills itself when its n-th call of another service returns:
 * `bun dying-payments-worker.ts <queue> <n> <port of accounts> <port of payments>`
 */
const [queue = '', lastCall, accountsPort, paymentsPort] = process.argv.slice(2);
const runtime = createRuntime({
  name: 'payments-worker',
  version: 'test',
  log: pino({ level: process.env.TEST_LOG_LEVEL ?? 'silent' }),
});
let calls = 0;

function killedAtLastCall<Client extends object>(client: Client): Client {
  return new Proxy(client, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return async (...parameters: unknown[]) => {
        const answer: unknown = await Reflect.apply(method, target, parameters);
        calls++;
        if (calls === Number(lastCall)) process.kill(process.pid, 'SIGKILL');
        return answer;
      };
    },
  });
}

const clients = paymentClients(runtime, Number(paymentsPort));
const worker = paymentsWorker({
  payments: killedAtLastCall(clients.client),
  accounts: killedAtLastCall(accountsClient(runtime, Number(accountsPort))),
  provider: killedAtLastCall(mockProvider(clients.provider)),
});
const source = { consumer: queue, events: worker.source.events.map((event) => isolated(event, queue)) };
runEventWorker(runtime, { ...worker, source }, openRabbit(runtime, { urls: [amqpUrl()], required: true }));
