import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import { DependencyUnavailable } from '#kit/errors/problem';
import { type Collection, IdTaken, type ImportedRecord, RecordInvalid } from '#kit/grpc/portability';
import { routeClaims } from '#kit/http/route-claims';
import { startArchives } from '../../tests/support/archives';
import { deleteExpired, deleteOrphans } from './files';
import { archives } from './schema';
import { deleteArchivesOf } from './service';

interface Note {
  readonly id: string;
  readonly text: string;
  readonly sha256?: string;
}

/** What each user has, in two services. */
const notes = new Map<string, Note[]>();
const settings = new Map<string, object>();
let unavailable = false;
const PAGE = 2;

const noteCollection: Collection = {
  name: 'notes',
  async exportPage(userId, cursor) {
    if (unavailable) throw new DependencyUnavailable();
    const from = Number(cursor ?? 0);
    const all = notes.get(userId) ?? [];
    return {
      records: all.slice(from, from + PAGE).map(({ sha256, ...data }) => ({
        data,
        ...(sha256 !== undefined && { file: { sha256, size: 5, name: `${data.id}.bin` } }),
      })),
      nextCursor: from + PAGE < all.length ? String(from + PAGE) : undefined,
    };
  },
  async importRecord({ userId, data, file }: ImportedRecord) {
    const { id, text } = data as Note;
    if (typeof text !== 'string') throw new RecordInvalid();
    const owner = [...notes].find(([, list]) => list.some((note) => note.id === id))?.[0];
    if (owner === userId) return 'exists';
    if (owner !== undefined) throw new IdTaken();
    const note = { id, text, ...(file && { sha256: file.sha256 }) };
    notes.set(userId, [...(notes.get(userId) ?? []), note]);
    return 'imported';
  },
};
const paymentCollection: Collection = {
  name: 'payments',
  exportPage: async (userId) => ({ records: [{ data: settings.get(userId) ?? {} }], nextCursor: undefined }),
};

const service = await startArchives({ timelines: [noteCollection], payments: [paymentCollection] });
afterAll(service.close);
const { app, archiveStorage, call, deps, mediaStorage, person, work } = service;
beforeEach(() => {
  unavailable = false;
});

async function storeMedia(text: string): Promise<string> {
  const file = await mediaStorage.receive(new Blob([text]).stream(), { maximumBytes: 100 });
  await file.keep();
  await file.discard();
  return file.sha256;
}

async function startExport(authorization: string): Promise<string> {
  const started = await call('POST', '/archives/exports', { authorization });
  expect([started.status, started.body.status]).toEqual([202, 'pending']);
  return String(started.headers.get('location'));
}

async function download(path: string, authorization: string): Promise<Response> {
  return app.handle(new Request(`http://localhost${path}/file`, { headers: { authorization } }));
}

/** A person with four notes, one of them with a file; and their archive. */
async function exported() {
  const ada = await person();
  const ids = [1, 2, 3, 4].map(() => uuidv7());
  notes.set(
    ada.id,
    ids.map((id, index) => ({ id, text: `note ${index} 🪶 "quoted"\nand a second line` })),
  );
  notes.get(ada.id)?.push({ id: uuidv7(), text: 'with a file', sha256: await storeMedia('bytes') });
  settings.set(ada.id, { amount: '5.00' });
  const path = await startExport(ada.authorization);
  await work();
  return { ada, path, zip: await (await download(path, ada.authorization)).arrayBuffer() };
}

async function upload(
  authorization: string,
  body: ArrayBuffer | string,
  type = 'application/zip',
  headers: Record<string, string> = {},
) {
  const response = await app.handle(
    new Request('http://localhost/archives/imports', {
      method: 'POST',
      headers: { authorization, 'content-type': type, ...headers },
      body,
    }),
  );
  return {
    status: response.status,
    location: response.headers.get('location') ?? '',
    body: await response.json(),
  };
}

/** As other programs read it. */
function unzip(zip: ArrayBuffer): Record<string, string> {
  const program =
    'import io, json, sys, zipfile\n' +
    'z = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))\n' +
    'assert z.testzip() is None\n' +
    'print(json.dumps({n: z.read(n).decode() for n in z.namelist()}))';
  const { stdout, success } = Bun.spawnSync(['python3', '-c', program], { stdin: new Uint8Array(zip) });
  expect(success).toBe(true);
  return JSON.parse(stdout.toString());
}

describe('an export', () => {
  test('is a ZIP file with every record and file, which other programs read', async () => {
    const { ada, path, zip } = await exported();
    const files = unzip(zip);
    const own = notes.get(ada.id) ?? [];
    const last = own.at(-1)?.id;
    expect(JSON.parse(files['timelines/notes.json'] ?? '')).toEqual(
      own.map(({ id, text }) => ({
        id,
        text,
        ...(id === last && { archive_path: `timelines/files/${id}.bin` }),
      })),
    );
    expect(files[`timelines/files/${last}.bin`]).toBe('bytes');
    const collections = [
      { service: 'timelines', name: 'notes', records: 5, files: 1 },
      { service: 'payments', name: 'payments', records: 1, files: 0 },
    ];
    expect(JSON.parse(files['manifest.json'] ?? '')).toMatchObject({ user_id: ada.id, collections });
    const { body } = await call('GET', path, { authorization: ada.authorization });
    expect(body).toMatchObject({
      status: 'complete',
      size: zip.byteLength,
      url: `${path}/file`,
      collections,
    });
  });

  test('is read, downloaded and deleted by its owner only', async () => {
    const { ada, path } = await exported();
    const { authorization } = await person();
    for (const [method, target] of [
      ['GET', path],
      ['GET', `${path}/file`],
      ['DELETE', path],
    ] as const)
      expect((await call(method, target, { authorization })).body.code).toBe('export.not-found');
    expect((await call('GET', '/archives/exports', { authorization })).body.items).toEqual([]);
    expect((await call('DELETE', path, ada)).status).toBe(204);
    expect((await call('GET', path, ada)).status).toBe(404);
  });

  test('is refused while another one is in progress, and beyond ten a day', async () => {
    const { authorization } = await person();
    const attempts = await Promise.all(
      Array.from({ length: 5 }, () => call('POST', '/archives/exports', { authorization })),
    );
    expect(attempts.map(({ status }) => status).sort()).toEqual([202, 409, 409, 409, 409]);
    for (let count = 1; count < 10; count++) {
      await work();
      await startExport(authorization);
    }
    await work();
    const refused = await call('POST', '/archives/exports', { authorization });
    expect([refused.status, refused.body.code]).toEqual([429, 'archive.too-many']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('that is deleted counts towards the limit all the same, also while it is pending', async () => {
    const { authorization } = await person();
    for (let count = 0; count < 10; count++)
      expect((await call('DELETE', await startExport(authorization), { authorization })).status).toBe(204);
    expect((await call('POST', '/archives/exports', { authorization })).body.code).toBe('archive.too-many');
    await work();
    expect((await call('GET', '/archives/exports', { authorization })).body.items).toEqual([]);
  });

  test('whose completion is reported twice keeps its file', async () => {
    const { authorization } = await person();
    const path = await startExport(authorization);
    const { archives: client } = service.workerDeps;
    const completeExport: typeof client.completeExport = async (request) => {
      await client.completeExport(request);
      return client.completeExport(request);
    };
    Object.assign(service.workerDeps, { archives: { ...client, completeExport } });
    await work();
    Object.assign(service.workerDeps, { archives: client });
    expect((await download(path, authorization)).status).toBe(200);
  });

  test('of a repeated job keeps the first file', async () => {
    const { ada, path, zip } = await exported();
    await work({ repeat: true });
    expect(await (await download(path, ada.authorization)).arrayBuffer()).toEqual(zip);
  });

  test('waits for an unavailable service, and fails with a reason after the last attempt', async () => {
    const { authorization } = await person();
    const path = await startExport(authorization);
    unavailable = true;
    await expect(work({ attempt: 1 })).rejects.toThrow();
    expect((await call('GET', path, { authorization })).body.status).toBe('pending');
    expect((await call('GET', `${path}/file`, { authorization })).body.code).toBe('export.not-ready');
    await expect(work({ attempt: 10, repeat: true })).rejects.toThrow();
    expect((await call('GET', path, { authorization })).body).toMatchObject({
      status: 'failed',
      code: 'archive.unavailable',
    });
  });
});

describe('an import', () => {
  test('into an empty system restores the records and files, and a repeat changes nothing', async () => {
    const { ada, zip } = await exported();
    const before = notes.get(ada.id) ?? [];
    notes.clear();
    const bob = await person();
    const started = await upload(bob.authorization, zip);
    expect(started.status).toBe(202);
    await work();
    const imported = [
      { service: 'timelines', name: 'notes', imported: 5, existing: 0, skipped: {} },
      {
        service: 'payments',
        name: 'payments',
        imported: 0,
        existing: 0,
        skipped: { 'collection.read-only': 1 },
      },
    ];
    expect((await call('GET', started.location, bob)).body).toMatchObject({
      status: 'complete',
      collections: imported,
    });
    expect(notes.get(bob.id)).toEqual(before);
    const repeated = await upload(bob.authorization, zip);
    await work();
    expect((await call('GET', repeated.location, bob)).body.collections).toMatchObject([
      { imported: 0, existing: 5, skipped: {} },
      {},
    ]);
    expect(notes.get(bob.id)).toEqual(before);
  });

  test('reports the records it cannot import and imports the others', async () => {
    const { ada, zip } = await exported();
    const [first, second] = notes.get(ada.id) ?? [];
    if (first === undefined || second === undefined) throw new Error('no notes');
    notes.set(ada.id, [first]);
    const bob = await person();
    const { location } = await upload(bob.authorization, zip);
    await work();
    expect((await call('GET', location, bob)).body.collections).toMatchObject([
      { imported: 4, skipped: { 'id.taken': 1 } },
      {},
    ]);
  });

  const archiveOf = (program: string): ArrayBuffer => {
    const { stdout, success } = Bun.spawnSync([
      'python3',
      '-c',
      `import io, json, sys, zipfile\nb = io.BytesIO()\nz = zipfile.ZipFile(b, "w", zipfile.ZIP_DEFLATED)\n${program}\nz.close()\nsys.stdout.buffer.write(b.getvalue())`,
    ]);
    expect(success).toBe(true);
    return new Uint8Array(stdout).buffer;
  };
  const manifest = (version = 1) =>
    `z.writestr("manifest.json", json.dumps({"format": "rookery-archive", "version": ${version}, "created_at": "2026-01-01T00:00:00.000Z", "user_id": "x", "collections": [{"service": "timelines", "name": "notes", "records": 1, "files": 0}]}))`;

  test.each([
    ['no manifest', 'z.writestr("timelines/notes.json", "[]")'],
    ['another version', manifest(2)],
    ['a path outside of the archive', `${manifest()}\nz.writestr("../../etc/passwd", "x")`],
    ['an absolute path', `${manifest()}\nz.writestr("/etc/passwd", "x")`],
    ['two entries of one path', `${manifest()}\nz.writestr("a", "x")\nz.writestr("a", "y")`],
    ['a collection that is no JSON', `${manifest()}\nz.writestr("timelines/notes.json", "[\\n{")`],
    ['a collection of numbers', `${manifest()}\nz.writestr("timelines/notes.json", "[\\n1\\n]")`],
    ['a collection that is not UTF-8', `${manifest()}\nz.writestr("timelines/notes.json", b"[\\n\\xff\\n]")`],
    ['an endless line', `${manifest()}\nz.writestr("timelines/notes.json", "[" + " " * 9_000_000)`],
  ])('with %s fails as invalid', async (_name, program) => {
    const bob = await person();
    const { status, location } = await upload(bob.authorization, archiveOf(program));
    expect(status).toBe(202);
    await work();
    expect((await call('GET', location, bob)).body).toMatchObject({
      status: 'failed',
      code: 'archive.invalid',
    });
    expect(notes.get(bob.id)).toBeUndefined();
  });

  test('with records and collections that no service knows says so', async () => {
    const bob = await person();
    const { location } = await upload(
      bob.authorization,
      archiveOf(
        `${manifest()}\nz.writestr("timelines/notes.json", '[\\n{"text": 1},\\n{"text": "fine", "id": "${uuidv7()}"}\\n]')`,
      ),
    );
    await work();
    expect((await call('GET', location, bob)).body.collections).toEqual([
      { service: 'timelines', name: 'notes', imported: 1, existing: 0, skipped: { 'record.invalid': 1 } },
    ]);
  });

  test('of anything but a ZIP file of at most the maximum size is refused before anything is stored', async () => {
    const { authorization } = await person();
    expect((await upload(authorization, 'hello')).body.code).toBe('archive.invalid');
    expect((await upload(authorization, 'hello', 'Application/ZIP ; a=b')).body.code).toBe('archive.invalid');
    expect((await upload(authorization, '{}', 'application/json')).status).toBe(415);
    const coded = await upload(authorization, 'PK\x03\x04', 'application/zip', {
      'content-encoding': 'gzip',
    });
    expect([coded.status, coded.body.code]).toEqual([415, 'request.unsupported-media-type']);
    const large = new Uint8Array(deps.maxBytes + 1);
    large.set([0x50, 0x4b, 3, 4]);
    expect((await upload(authorization, large.buffer)).status).toBe(413);
    expect((await call('GET', '/archives/imports', { authorization })).body.items).toEqual([]);
  });
});

test('every route requires a valid token', async () => {
  const claims = routeClaims(app);
  expect(claims.length).toBeGreaterThan(0);
  for (const { method, path } of claims)
    expect((await call(method, path.replace(':id', uuidv7()))).status).toBe(401);
});

describe('deleted are', () => {
  const stored = async () => (await Array.fromAsync(archiveStorage.list())).length;

  test('the archives of an erased person, with their files', async () => {
    const { ada, path } = await exported();
    const before = await stored();
    await deleteArchivesOf(deps, ada.id);
    expect((await call('GET', path, ada)).status).toBe(404);
    expect(await stored()).toBe(before - 1);
  });

  test('what has expired; and what never finished counts as failed', async () => {
    const { ada, path } = await exported();
    const bob = await person();
    const pending = await startExport(bob.authorization);
    const age = async (target: string, days: number) =>
      deps.database
        .update(archives)
        .set({ createdAt: new Date(Date.now() - days * 24 * 3_600_000) })
        .where(eq(archives.id, target.split('/').at(-1) ?? ''));
    await age(path, 8);
    await age(pending, 2);
    await deleteExpired(deps);
    expect((await call('GET', path, ada)).status).toBe(404);
    expect((await call('GET', pending, bob)).body).toMatchObject({
      status: 'failed',
      code: 'archive.timed-out',
    });
    // The job is there still, and comes too late.
    await work();
    expect((await call('GET', pending, bob)).body.status).toBe('failed');
  });

  test('files that no archive references, once that holds for two runs', async () => {
    const { ada, path } = await exported();
    const orphan = await archiveStorage.receive(new Blob(['lost']).stream(), { maximumBytes: 10 });
    await orphan.keep();
    await orphan.discard();
    const suspects = await deleteOrphans(deps, new Set());
    expect(await archiveStorage.holds(orphan.sha256)).toBe(true);
    await deleteOrphans(deps, suspects);
    expect(await archiveStorage.holds(orphan.sha256)).toBe(false);
    expect((await download(path, ada.authorization)).status).toBe(200);
  });
});
