import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import type { Logger } from '#kit/core/log';

/** Paths of a certificate chain and its key, in PEM. */
export interface TlsFiles {
  readonly certPath: string;
  readonly keyPath: string;
}

/** By time of change and not by events: the files may be links that are swapped, as Kubernetes does. */
const LOOK_EVERY_MS = 1_000;

/** @throws when one of the files cannot be read */
export function readCertificate({ certPath, keyPath }: TlsFiles) {
  // TLS 1.2 is the lowest version Bun's BoringSSL offers.
  return { cert: readFileSync(certPath, 'utf8'), key: readFileSync(keyPath, 'utf8') };
}

/** Calls `changed` after the files have changed; a new pair that does not work is logged, and the old one stays. */
export function watchCertificate(files: TlsFiles, log: Logger, changed: () => void): () => void {
  const reload = () => {
    try {
      changed();
      log.info('certificate reloaded');
    } catch (failure) {
      log.error(
        { err: failure },
        'certificate not reloaded: write a matching certificate and key, the old pair stays in use',
      );
    }
  };
  const paths = [files.certPath, files.keyPath];
  for (const path of paths) watchFile(path, { interval: LOOK_EVERY_MS, persistent: false }, reload);
  return () => {
    for (const path of paths) unwatchFile(path, reload);
  };
}
