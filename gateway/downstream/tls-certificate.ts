import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import type { Logger } from '#kit/core/log';

/** Paths of a certificate chain and its private key, in PEM. */
export interface TlsFiles {
  readonly certPath: string;
  readonly keyPath: string;
}

/** Polled by modification time instead of events: the files may be symbolic links that are swapped, as in Kubernetes. */
const POLL_INTERVAL_MS = 1_000;

/** @throws when one of the files cannot be read */
export function readCertificate({ certPath, keyPath }: TlsFiles) {
  // TLS 1.2 is the minimum version of Bun's BoringSSL.
  return { cert: readFileSync(certPath, 'utf8'), key: readFileSync(keyPath, 'utf8') };
}

/**
 * Calls `changed` after the files have changed; an invalid pair is logged, and the previous one stays in use.
 *
 * @returns stops watching
 */
export function watchCertificate(files: TlsFiles, log: Logger, changed: () => void): () => void {
  const reload = () => {
    try {
      changed();
      log.info('TLS certificate reloaded');
    } catch (failure) {
      log.error(
        { err: failure },
        'TLS certificate not reloaded, the previous one stays in use: provide a matching certificate and key',
      );
    }
  };
  const paths = [files.certPath, files.keyPath];
  for (const path of paths) watchFile(path, { interval: POLL_INTERVAL_MS, persistent: false }, reload);
  return () => {
    for (const path of paths) unwatchFile(path, reload);
  };
}
