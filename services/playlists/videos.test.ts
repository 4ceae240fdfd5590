import { expect, test } from 'bun:test';
import { cachedVideos } from './videos';

test('an existing video is cached for a minute, a missing one not at all', async () => {
  let clockMs = 1_000_000;
  const lookups: string[][] = [];
  const client = {
    async lookupVideos({ ids }: { ids: string[] }) {
      lookups.push(ids);
      return { videos: ids.filter((id) => id !== 'missing').map(videoOf) };
    },
  };
  const videos = cachedVideos(client, 100, () => clockMs);
  const missing = expect.objectContaining({ code: 'video.unknown' });

  await videos.requireAll(['a', 'b']);
  clockMs += 59_999;
  await videos.requireAll(['b', 'a']);
  expect(lookups).toEqual([['a', 'b']]);
  await expect(videos.requireAll(['a', 'missing'])).rejects.toEqual(missing);
  await expect(videos.requireAll(['missing'])).rejects.toEqual(missing);
  clockMs += 2;
  await videos.requireAll(['a']);
  expect(lookups.slice(1)).toEqual([['missing'], ['missing'], ['a']]);
});

const videoOf = (id: string) => ({ id, title: id, channel: 'A channel', duration_seconds: 60 });
