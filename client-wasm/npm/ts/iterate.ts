/** Messages that wait to be asked for, in a bounded number. Knows no connection. */

import type { Message } from './message.js';

export interface MessagesOptions {
  /** Messages that wait at most; a further one drops the oldest, which `dropped` counts. 1000 when it is not said. */
  limit?: number;
  /** Ends it. */
  signal?: AbortSignal;
}

/** An iterator over messages that come. It ends with the client, with its signal, or when its loop is left. */
export class Inbox implements AsyncIterableIterator<Message> {
  readonly #limit: number;
  readonly #leave: () => void;
  readonly #asking: ((result: IteratorResult<Message, undefined>) => void)[] = [];
  #waiting: Message[] = [];
  #hasEnded = false;
  #dropped = 0;

  /** @internal */
  constructor({ limit = 1000, signal }: MessagesOptions, leave: () => void) {
    this.#limit = Math.max(1, limit);
    this.#leave = leave;
    if (signal?.aborted) this.#hasEnded = true;
    signal?.addEventListener('abort', () => this.end(), { once: true });
  }

  /** Messages that were dropped because nobody asked for them in time. */
  get dropped(): number {
    return this.#dropped;
  }

  /** @internal */
  push(message: Message): void {
    if (this.#hasEnded) return;
    const asking = this.#asking.shift();
    if (asking) return asking({ value: message, done: false });
    this.#waiting.push(message);
    if (this.#waiting.length > this.#limit) {
      this.#waiting.shift();
      this.#dropped += 1;
    }
  }

  /** Ends it; what waits can still be taken. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#leave();
    this.#asking.splice(0).forEach((asking) => asking({ value: undefined, done: true }));
  }

  next(): Promise<IteratorResult<Message, undefined>> {
    const message = this.#waiting.shift();
    if (message) return Promise.resolve({ value: message, done: false });
    if (this.#hasEnded) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => this.#asking.push(resolve));
  }

  return(): Promise<IteratorResult<Message, undefined>> {
    this.#waiting = [];
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
