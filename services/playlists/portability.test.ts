import { afterAll, expect, test } from 'bun:test';
import { startPlaylists } from '../../tests/support/playlists';
import { exportAll, importAll, recordsIn } from '../../tests/support/portability';
import { playlistsPortability } from './portability';

const [before, after] = await Promise.all([startPlaylists(), startPlaylists()]);
afterAll(() => Promise.all([before.close(), after.close()]));
const [from, to] = [playlistsPortability(before.deps), playlistsPortability(after.deps)];

test('playlists and the order of their videos are the same after an export and an import', async () => {
  const ada = await before.person();
  const videos = before.freshVideos(4);
  for (let count = 0; count < 23; count++)
    await before.call('POST', '/playlists', {
      ...ada,
      body: { name: `List ${count} 🎬`, visibility: 'unlisted', video_ids: videos.slice(0, count % 4) },
    });
  const path = (
    await before.call('POST', '/playlists', { ...ada, body: { name: 'Moved', video_ids: videos } })
  ).headers.get('location');
  const moved = await before.call('POST', `${path}/reorder`, {
    ...ada,
    body: { video_id: videos[3], position: 0 },
  });
  expect(moved.status).toBe(200);
  const exported = await exportAll(from, ada.id);
  expect(await importAll(to, ada.id, exported)).toEqual({ playlists: { imported: 24 } });
  // Tokens are of one issuer: the same person.
  const again = { authorization: await after.authorize(ada.id) };
  const list = '/playlists?limit=100';
  expect((await after.call('GET', list, again)).body).toEqual((await before.call('GET', list, ada)).body);
  expect((await after.call('GET', `${path}`, again)).body).toEqual(
    (await before.call('GET', `${path}`, ada)).body,
  );
  expect(await importAll(to, ada.id, exported)).toEqual({ playlists: { exists: 24 } });
  const other = await after.person();
  expect(await importAll(to, other.id, exported)).toEqual({ playlists: { 'id.taken': 24 } });
});

test('a record that could not have been created is skipped', async () => {
  const ada = await before.person();
  const [video = ''] = before.freshVideos(1);
  await before.call('POST', '/playlists', { ...ada, body: { name: 'One', video_ids: [video] } });
  const [good] = recordsIn(await exportAll(from, ada.id)).playlists ?? [];
  const added = { video_id: video, added_at: '2020-01-01T00:00:00.000Z' };
  for (const change of [
    { name: '' },
    { visibility: 'secret' },
    { updated_at: '2999-01-01T00:00:00.000Z' },
    { videos: [added, added] },
    { videos: [{ ...added, added_at: '2020-13-01T00:00:00.000Z' }] },
    { videos: Array.from({ length: 1_001 }, () => added) },
  ]) {
    const json = JSON.stringify({ ...good, ...change });
    const exported = { playlists: [{ json, file: undefined }] };
    expect(await importAll(to, ada.id, exported)).toEqual({ playlists: { 'record.invalid': 1 } });
  }
});
