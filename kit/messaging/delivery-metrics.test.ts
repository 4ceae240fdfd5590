import { afterAll, expect, test } from 'bun:test';
import { testRuntime } from '../../tests/support/servers';
import { deliveryMetrics } from './delivery-metrics';

const runtime = testRuntime('delivery-metrics');
afterAll(() => runtime.close());

test('the messages of each source are counted while they are handled, and measured afterwards', async () => {
  const [one, other] = [deliveryMetrics(runtime, 'one'), deliveryMetrics(runtime, 'other')];
  const message = { name: 'thing.made', occurred_at: new Date(Date.now() - 60_000).toISOString() };
  for (const metrics of [one, one, one, other]) metrics.started();
  one.ended(message, 'done', 20);
  one.ended(undefined, 'parked', 7_000);
  const text = await runtime.metrics.metrics();
  for (const line of [
    'messages_in_flight{source="one"} 1',
    'messages_in_flight{source="other"} 1',
    'message_handling_duration_seconds_count{source="one",name="thing.made",outcome="done"} 1',
    'message_handling_duration_seconds_bucket{le="5",source="one",name="unknown",outcome="parked"} 0',
    'message_handling_duration_seconds_bucket{le="15",source="one",name="unknown",outcome="parked"} 1',
    'message_age_seconds_bucket{le="30",source="one",name="thing.made"} 0',
    'message_age_seconds_count{source="one",name="thing.made"} 1',
  ])
    expect(text).toContain(line);
});
