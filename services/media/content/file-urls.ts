import { hkdfSync } from 'node:crypto';
import { jwt } from '@elysiajs/jwt';

/** Long enough to load a page with many pictures, short enough that a shared link soon expires. */
const LIFETIME_SECONDS = 15 * 60;
/** Keeps the token from being accepted as another kind of JWT (RFC 8725, section 3.11). */
const TOKEN_TYPE = 'file-url+jwt';
/** Characters of the checksum that distinguish versions in a URL. */
const FINGERPRINT_LENGTH = 16;

/** What a file's URLs depend on. */
export interface UrlTarget {
  readonly id: string;
  readonly visibility: 'public' | 'private';
  readonly checksum: string;
}

export interface FileUrls {
  /** The URL of a file's content; of a private file a signed one, valid for 15 minutes. */
  contentUrl(
    file: UrlTarget,
    part?: { size?: string; version?: number },
  ): Promise<{ url: string; expiresAt: Date | null }>;
  /** Whether the token of a signed URL grants access now: to the current content, or to that one version. */
  verify(
    token: string,
    file: { readonly id: string; readonly version?: number | undefined },
  ): Promise<boolean>;
}

/**
 * @param options.publicUrl the gateway's public URL, without a trailing slash
 */
export function createFileUrls(options: { publicUrl: string; internalSecret: string }): FileUrls {
  // A key of its own for this one use (RFC 5869).
  const secret = new Uint8Array(
    hkdfSync('sha256', options.internalSecret, 'rookery', 'addresses of files', 32),
  );
  const { tokens } = jwt({ name: 'tokens', secret, alg: 'HS256', typ: TOKEN_TYPE, aud: 'media' }).decorator;
  return {
    async contentUrl({ id, visibility, checksum }, part = {}) {
      const query = new URLSearchParams({ v: checksum.slice(0, FINGERPRINT_LENGTH) });
      if (part.version !== undefined) query.set('version', String(part.version));
      const expiresAt = visibility === 'public' ? null : expiryFromNow();
      if (expiresAt !== null)
        query.set(
          'token',
          await tokens.sign({ sub: subjectOf(id, part.version), exp: expiresAt.getTime() / 1000 }),
        );
      const path = `/files/${id}/content${part.size === undefined ? '' : `/${part.size}`}`;
      return { url: `${options.publicUrl}${path}?${query}`, expiresAt };
    },
    async verify(token, { id, version }) {
      const claims = await tokens.verify(token, {
        algorithms: ['HS256'],
        typ: TOKEN_TYPE,
        audience: 'media',
        requiredClaims: ['sub', 'exp'],
      });
      return claims !== false && claims.sub === subjectOf(id, version);
    },
  };
}

const subjectOf = (id: string, version: number | undefined): string =>
  version === undefined ? id : `${id}/${version}`;

/** On a full second, as in the token. */
const expiryFromNow = () => new Date((Math.floor(Date.now() / 1000) + LIFETIME_SECONDS) * 1000);
