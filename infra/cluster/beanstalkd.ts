import { beanstalkdPlan } from '../beanstalkd';
import { defineFamily } from './family';
import type { Network } from './network';

const PORT = 21300;

/** Independent servers: each job is on one of them, and waits in its log of jobs while that one is away. */
export const beanstalkds = (network: Network) =>
  defineFamily('beanstalkd', network, {
    replacedBy: ['BEANSTALKD_HOST'],
    async plan({ nodes, choosePort }) {
      const port = await choosePort(PORT);
      return {
        plans: nodes.map(({ folder, host }) => beanstalkdPlan({ folder, host, port })),
        form: async (running) => void (await Promise.all(running.map((node) => node.restart()))),
        environment: {
          BEANSTALKD_HOST: nodes.map(({ host }) => host).join(','),
          BEANSTALKD_PORT: String(port),
        },
      };
    },
  });
