/** The part of fivebeans that is used here and by `make backup`; the package has no types. */
declare module 'fivebeans/lib/client.js' {
  import type { EventEmitter } from 'node:events';
  import type { Socket } from 'node:net';

  /** `error` is the error response, like `NOT_FOUND`; `results` the rest of its line, and the body if there is one. */
  type Callback = (error: string | null | undefined, ...results: unknown[]) => void;

  export default class FiveBeansClient extends EventEmitter {
    constructor(host: string, port: number);
    readonly stream: Socket;
    connect(): void;
    use(tube: string, callback: Callback): void;
    put(priority: number, delaySeconds: number, ttrSeconds: number, body: Buffer, callback: Callback): void;
    watch(tube: string, callback: Callback): void;
    ignore(tube: string, callback: Callback): void;
    reserve_with_timeout(seconds: number, callback: Callback): void;
    destroy(id: string, callback: Callback): void;
    release(id: string, priority: number, delaySeconds: number, callback: Callback): void;
    bury(id: string, priority: number, callback: Callback): void;
    touch(id: string, callback: Callback): void;
    peek_ready(callback: Callback): void;
    peek(id: string, callback: Callback): void;
    stats(callback: Callback): void;
    stats_job(id: string, callback: Callback): void;
    stats_tube(tube: string, callback: Callback): void;
  }
}
