import { readEnv } from '#kit/config/environment';
import { startProcess } from '#kit/process';
import { serveGateway } from '.';
import { startWorkers } from './cluster/supervisor';
import { gatewayFields } from './settings';

const env = readEnv(gatewayFields);
// In production any client may have an address of the inside, behind a load balancer: metrics take the token.
const METRICS_ALLOWED = env.NODE_ENV === 'production' ? [] : env.METRICS_ALLOWED;
const runtime = await startProcess('gateway', { ...env, METRICS_ALLOWED });
if (env.GATEWAY_WORKERS > 1 && !env.GATEWAY_WORKER) startWorkers(runtime, env);
else await serveGateway(runtime, env);
