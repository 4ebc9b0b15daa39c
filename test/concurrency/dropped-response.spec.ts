import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { refresh } from '../support/http.js';
import { INVALID_GRANT, onTwoServers, type TwoServers } from './two-servers.js';

const SESSIONS = 20;

/** When the connection breaks, seen from the client. */
const breaks: { moment: string; reached: (socket: Socket, session: number) => Promise<unknown> }[] = [
  { moment: 'at some moment while the server works', reached: (_, session) => sleep(session / 2) },
  { moment: 'when the answer has come, unread', reached: (socket) => once(socket, 'readable') },
];

describe('a refresh whose answer is lost', () => {
  onTwoServers({ REFRESH_GRACE: '60s' }, (service) => {
    it.for(breaks)('$moment: a retry at the other server is answered, and one chain goes on', async ({ reached }) => {
      const sessions = await service.issue(SESSIONS);
      await Promise.all(
        sessions.map(async ({ refreshToken }, session) => {
          await refreshAndHangUp(service.url(session), refreshToken, (socket) => reached(socket, session));
          await continueAfterRetry(service, refreshToken, session + 1);
        }),
      );
    });
  });
});

async function continueAfterRetry(service: TwoServers, token: string, turn: number): Promise<void> {
  const retry = await refresh(service.url(turn), token);
  expect(retry.status).toBe(200);
  const successor = retry.body.refresh_token;
  expect(successor).not.toBe(token);
  // By now the first request is over, whichever came first: both servers give the one successor.
  expect(await refresh(service.url(turn + 1), token)).toMatchObject({
    status: 200,
    body: { refresh_token: successor },
  });

  const next = await refresh(service.url(turn), successor);
  expect(next.status).toBe(200);
  const live = await refresh(service.url(turn + 1), next.body.refresh_token);
  expect(live.status).toBe(200);
  expect(await refresh(service.url(turn), token)).toMatchObject(INVALID_GRANT);
  expect(await refresh(service.url(turn), live.body.refresh_token)).toMatchObject(INVALID_GRANT);
}

/** Sends the whole request, and destroys the connection as soon as `reached`; nothing of the answer is read. */
async function refreshAndHangUp(
  url: string,
  token: string,
  reached: (socket: Socket) => Promise<unknown>,
): Promise<void> {
  const { hostname, port } = new URL(url);
  const body = JSON.stringify({ refresh_token: token });
  const socket = connect({ host: hostname, port: Number(port) });
  try {
    await once(socket, 'connect');
    const head = `POST /auth/refresh HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\n`;
    socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
    await reached(socket);
  } finally {
    socket.destroy();
  }
}

function once(socket: Socket, event: 'connect' | 'readable'): Promise<void> {
  return new Promise((resolve, reject) => socket.once(event, resolve).once('error', reject));
}
