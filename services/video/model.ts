import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { PageOf, PageQuery } from '#kit/http/lists/pagination';
import { text } from '#kit/text/schema';

export const VideoNotFound = defineProblem('video.not-found', 404, 'Video not found');
export const SimulatedFailure = defineProblem('video.told-to-fail', 503, 'Simulated failure');

const ID = '01682885-aa80-7d3c-9a41-5e0d1f6b7c22';

export const Video = Type.Object({
  id: Type.String({ examples: [ID] }),
  title: Type.String({ examples: ['A Winter in Tromsø'] }),
  description: Type.String({ examples: ['Two sisters, one inheritance, and a long winter.'] }),
  genre: Type.String({ examples: ['drama'] }),
  channel: Type.String({ examples: ['Second Reel'] }),
  duration_seconds: Type.Integer({ examples: [5_240] }),
  published_at: Type.String({ format: 'date-time', examples: ['2019-01-07T18:00:00.000Z'] }),
});
export type Video = Static<typeof Video>;

export const VideoPage = PageOf(Video);

export const VideoQuery = Type.Composite([
  PageQuery,
  Type.Object({
    query: Type.Optional(
      text({ min: 0, max: 100 }, { description: 'Words that must all occur', examples: ['winter'] }),
    ),
  }),
]);
export type VideoQuery = Static<typeof VideoQuery>;

export const Lookup = Type.Object({
  ids: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
    maxItems: 100,
    error: 'At most 100 ids',
    examples: [[ID]],
  }),
});
export type Lookup = Static<typeof Lookup>;

export const LookupResult = Type.Object({
  items: Type.Array(Video, { description: 'In request order, without duplicates' }),
  unknown_ids: Type.Array(Type.String()),
});
export type LookupResult = Static<typeof LookupResult>;

export const Failures = Type.Object({
  latency_ms: Type.Integer({
    minimum: 0,
    maximum: 60_000,
    description: 'Delay of every response, in milliseconds',
    examples: [500],
  }),
  error_percent: Type.Integer({
    minimum: 0,
    maximum: 100,
    description: 'Percentage of requests that fail with 503',
    examples: [20],
  }),
});
export type Failures = Static<typeof Failures>;
