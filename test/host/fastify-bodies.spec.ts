import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { bearer, cookieHeader, refresh } from '../support/http.js';
import { listening, signIn } from '../support/listening.js';

const JSON_TYPE = { 'content-type': 'application/json' };
/** Milliseconds. Node.js looks for late requests at this interval. */
const LIMITS = { headersTimeout: 1_000, requestTimeout: 1_000, connectionsCheckingInterval: 100 };
/** The ways to send no body, after the other headers. */
const NOTHING = {
  'without a length': '\r\n',
  'of length 0': 'content-length: 0\r\n\r\n',
  chunked: 'transfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  'chunked, with a trailer': 'transfer-encoding: chunked\r\ntrailer: x-end\r\n\r\n0\r\nx-end: 1\r\n\r\n',
};

/** Sends these bytes, and reads until the server closes. */
async function sendRaw(
  url: string,
  line: string,
  headers: Record<string, string>,
  rest: string,
): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  const fields = Object.entries({ host: `${hostname}:${port}`, connection: 'close', ...headers });
  socket.write(`${line} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}${rest}`);
  const text = (await socket.setEncoding('utf8').toArray()).join('');
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), text };
}

for (const adapter of adapters) {
  describe(`a request without a body that is called JSON (${adapter})`, () => {
    const app = listening(adapter, { quiet: true, configure: (host) => Object.assign(host.getHttpServer(), LIMITS) });

    test.each(Object.entries(NOTHING))('%s is served where no body is needed', async (_, nothing) => {
      const signedIn = () => signIn(app, { transport: 'cookie' });
      const [refreshed, ended, other] = [await signedIn(), await signedIn(), await signedIn()];
      const bob = await signIn(app, { username: 'bob' });
      for (const [line, status, credentials] of [
        ['POST /auth/refresh', 200, cookieHeader(refreshed.refreshToken)],
        [`DELETE /auth/sessions/${other.sessionId}`, 204, bearer(ended.accessToken)],
        ['POST /auth/logout', 204, cookieHeader(ended.refreshToken)],
        ['POST /auth/logout-all', 204, bearer(bob.accessToken)],
      ] as const) {
        const answer = await sendRaw(app.url, line, { ...JSON_TYPE, ...credentials }, nothing);
        expect(answer.status, line).toBe(status);
      }
    });

    test.each(Object.entries(NOTHING))('%s is 400 where one is needed', async (_, nothing) => {
      const answer = await sendRaw(app.url, 'POST /auth/login', JSON_TYPE, nothing);
      expect(answer.status).toBe(400);
      expect(answer.text).toContain('invalid_request');
    });

    test('is read as a body if it is chunked and has one', async () => {
      const { refreshToken } = await signIn(app);
      const body = JSON.stringify({ refresh_token: refreshToken });
      const halves = [body.slice(0, 9), body.slice(9)].map((half) => `${half.length.toString(16)}\r\n${half}\r\n`);
      const chunked = `transfer-encoding: chunked\r\n\r\n${halves.join('')}0\r\n\r\n`;
      expect((await sendRaw(app.url, 'POST /auth/refresh', JSON_TYPE, chunked)).status).toBe(200);
    });

    test.each([
      ['of a known length', 'content-length: 400\r\n\r\n{"refresh_token":'],
      ['in chunks', 'transfer-encoding: chunked\r\n\r\n11\r\n{"refresh_token":\r\n'],
    ])('that stops half-way, %s, is 408 after the time limit, and uses nothing up', async (_, half) => {
      const { refreshToken } = await signIn(app);
      const answer = sendRaw(app.url, 'POST /auth/refresh', { ...JSON_TYPE, ...cookieHeader(refreshToken) }, half);
      expect((await answer).status).toBe(408);
      expect((await refresh(app.url, refreshToken)).status).toBe(200);
    });
  });
}
