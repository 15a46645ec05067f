/** Request and response (5.0, 4.10): questions that wait for their answers, told apart by Correlation Data. */

import type { Client, Outcome } from './client.js';
import { MqttError } from './errors.js';
import type { Message } from './message.js';
import type { Payload, PublishOptions } from './options.js';

export interface RequestOptions extends Omit<PublishOptions, 'retain' | 'offline' | 'deadline'> {
  /** Milliseconds that an answer may take; 10 000 when it is not said. The question is not sent after that either. */
  deadline?: number;
}

interface Question {
  answered: (message: Message) => void;
  failed: (error: unknown) => void;
}

/** @internal The questions of one client. */
export class Requests {
  readonly #client: Client;
  readonly #waiting = new Map<string, Question>();
  #topic: string | undefined;
  #ready: Promise<unknown> | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  async ask(topic: string, payload: Payload, options: RequestOptions): Promise<Message> {
    const { deadline = 10_000, signal, properties, expiry = Math.ceil(deadline / 1_000), ...others } = options;
    signal?.throwIfAborted();
    const key = crypto.getRandomValues(new Uint8Array(16));
    const name = key.join();
    const over = new AbortController();
    const stop = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
    const answer = new Promise<Message>((answered, failed) => this.#waiting.set(name, { answered, failed }));
    answer.catch(() => {}); // it may fail while the question is not even asked
    const timer = setTimeout(
      () => over.abort(new MqttError('timeout', `no answer to ${topic} within ${deadline} ms`)),
      deadline,
    );
    stop.addEventListener('abort', () => this.#waiting.get(name)?.failed(stop.reason), { once: true });
    try {
      const responseTopic = await Promise.race([this.#subscribed(), answer.then(() => '')]);
      const asked = { ...properties, responseTopic, correlationData: key };
      await Promise.race([
        this.#client.publish(topic, payload, { ...others, expiry, offline: deadline, properties: asked, signal: stop }),
        answer,
      ]);
      return await answer;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(name);
    }
  }

  async answer(question: Message, payload: Payload, options: PublishOptions): Promise<Outcome> {
    const { responseTopic, correlationData } = question.properties;
    if (responseTopic === undefined) throw new MqttError('invalid-argument', 'the message asks for no answer');
    const properties = { ...options.properties, ...(correlationData && { correlationData }) };
    return this.#client.publish(responseTopic, payload, { qos: question.qos, ...options, properties });
  }

  /** Whether the message was the answer to a question, or came too late to be one. */
  take(message: Message): boolean {
    if (message.topic !== this.#topic) return false;
    const key = message.properties.correlationData;
    this.#waiting.get(key?.join() ?? '')?.answered(message);
    return true;
  }

  rejectAll(error: MqttError): void {
    for (const { failed } of this.#waiting.values()) failed(error);
  }

  /** Where answers come: a topic of this client's own, subscribed to with the first question. */
  async #subscribed(): Promise<string> {
    const connected = this.#client.connected;
    if (connected && connected.version < 5) throw new MqttError('needs-mqtt-5', 'requests need MQTT 5.0');
    const base = connected?.responseInformation ?? `reply/${this.#client.clientId}`;
    this.#topic ??= `${base}/${crypto.randomUUID()}`;
    this.#ready ??= this.#client.subscribe(this.#topic, { qos: 1 });
    try {
      await this.#ready;
    } catch (error) {
      this.#ready = undefined; // the next question may try again
      throw error;
    }
    return this.#topic;
  }
}
