import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import type { Answer } from './http.js';

/** A request that the server has begun to read, and whose body the client holds back. */
export interface HeldRequest {
  /** Sends the body and reads the answer. Rejects if the connection is cut. */
  finish(): Promise<Answer<{ error?: string } | undefined>>;
  /** Settles when the connection has ended. */
  closed: Promise<unknown>;
}

/** Opens a connection of its own that would stay open, and resolves when the server waits for the body. */
export async function holdRequest(
  method: string,
  url: string,
  { headers = {}, body = {} }: { headers?: Record<string, string>; body?: object } = {},
): Promise<HeldRequest> {
  const text = JSON.stringify(body);
  const sent = request(url, {
    method,
    agent: new Agent({ keepAlive: true }),
    headers: {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(text)),
      expect: '100-continue',
      ...headers,
    },
  });
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
  answered.catch(() => undefined); // may be cut before anybody asks for the answer
  sent.flushHeaders();
  await once(sent, 'continue');
  const closed = new Promise((resolve) => sent.socket!.once('close', resolve));
  return {
    closed,
    async finish() {
      sent.end(text);
      const [response] = await answered;
      const answer = (await response.setEncoding('utf8').toArray()).join('');
      return {
        status: response.statusCode!,
        headers: new Headers(response.headers as Record<string, string>),
        body: answer === '' ? undefined : (JSON.parse(answer) as { error?: string }),
      };
    },
  };
}
