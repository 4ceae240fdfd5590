import { afterAll, expect, test } from 'bun:test';
import { eventually } from '../../../tests/support/eventually';
import { beanstalkdAddress, testRuntime, uniqueName } from '../../../tests/support/servers';
import { openBeanstalkd } from './client';
import { connectBeanstalkd } from './connection';
import { parkedTube } from './delivery';
import { removeParkedJobs } from './erasure';

const runtime = testRuntime('job-erasure-test');
afterAll(() => runtime.close());

test('parked jobs that name an erased person are removed, and the others stay', async () => {
  const beanstalkd = openBeanstalkd(runtime, { addresses: [beanstalkdAddress()], required: true });
  await eventually(() => beanstalkd.connected);
  const tube = uniqueName('erasure-test');
  const operator = await connectBeanstalkd(beanstalkdAddress());
  const [person, other] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
  for (const id of [other, person, other, person]) {
    const body = JSON.stringify({ actor: id, data: { author_id: id, text: 'the words' } });
    const parked = Buffer.from(JSON.stringify({ reason: 'refused', tube, body }));
    await operator.put(parkedTube(tube), parked, { priority: 1024, delaySeconds: 0, ttrSeconds: 60 });
  }
  await removeParkedJobs(beanstalkd, tube, person);
  await operator.watchOnly(parkedTube(tube));
  // They return to the tube when the server has seen the end of the connection.
  for (const left of [await operator.reserve(20), await operator.reserve(20)])
    expect(left?.bytes.toString()).toContain(other);
  const { ready, reserved } = await beanstalkd.tubeStatistics(parkedTube(tube));
  expect([ready, reserved]).toEqual([0, 2]);
  operator.close();
});
