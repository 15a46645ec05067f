/** Those who want to know. Knows no connection. */

/** Names of events with what their listeners get. */
export type Listeners<Events> = { [K in keyof Events]?: ((event: Events[K]) => void)[] };

/** Calls listeners. One that throws is reported as any uncaught error is, and keeps no other from its event. */
export class Emitter<Events> {
  readonly #listeners: Listeners<Events> = {};

  /** Calls a function for each event of a kind. */
  on<K extends keyof Events>(kind: K, listener: (event: Events[K]) => void): this {
    // A new list: one that is being called stays as it is.
    this.#listeners[kind] = [...(this.#listeners[kind] ?? []), listener];
    return this;
  }

  /** @internal */
  protected onAll(listeners: { [K in keyof Events]?: (event: Events[K]) => void }): void {
    for (const kind in listeners) {
      const listener = listeners[kind];
      if (listener) this.on(kind, listener);
    }
  }

  /** Calls it no more. */
  off<K extends keyof Events>(kind: K, listener: (event: Events[K]) => void): this {
    this.#listeners[kind] = this.#listeners[kind]?.filter((other) => other !== listener) ?? [];
    return this;
  }

  /** Calls a function for the next event of a kind. */
  once<K extends keyof Events>(kind: K, listener: (event: Events[K]) => void): this {
    const call = (event: Events[K]): void => {
      this.off(kind, call);
      listener(event);
    };
    return this.on(kind, call);
  }

  /** @internal */
  protected emit<K extends keyof Events>(kind: K, event: Events[K]): void {
    for (const listener of this.#listeners[kind] ?? []) {
      try {
        listener(event);
      } catch (error) {
        reportError(error);
      }
    }
  }
}
