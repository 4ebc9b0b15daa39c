import { EventEmitter, once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Module, Post, Req } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import supertest from 'supertest';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasHungUp } from '../../src/auth/common/request/has-hung-up.js';
import type { HttpRequest } from '../../src/auth/common/request/http-request.js';
import { MessageRequest } from '../../src/auth/common/request/message-request.js';

/** Milliseconds until the client has gone, and the server has noticed. */
const SOON = 300;

const host = new EventEmitter();
/** Whether the handler waits for `answer`. */
let waits = true;
beforeEach(() => {
  waits = true;
});

/** What the handler sees first, and what it sees after it has waited. */
const seen = async () => ((await once(host, 'seen')) as [boolean[]])[0];

async function answered(): Promise<boolean[]> {
  const result = seen();
  host.emit('answer');
  return result;
}

@Controller()
class WaitingController {
  @Post()
  async wait(@Req() request: HttpRequest) {
    const atFirst = hasHungUp(request);
    const answer = once(host, 'answer');
    host.emit('arrived');
    if (waits) await answer;
    const afterwards = hasHungUp(request);
    host.emit('seen', [atFirst, afterwards]);
    return { afterwards };
  }
}

@Module({ controllers: [WaitingController] })
class WaitingModule {}

const hosts = [
  ['express', () => new ExpressAdapter()],
  ['fastify', () => new FastifyAdapter()],
] as const;

describe.each(hosts)('a client of %s', (name, adapter) => {
  let app: NestFastifyApplication;
  let port: number;
  beforeAll(async () => {
    app = await NestFactory.create<NestFastifyApplication>(WaitingModule, adapter(), { logger: false });
    await app.listen(0, '127.0.0.1');
    port = (app.getHttpServer().address() as { port: number }).port;
  });
  afterAll(() => app.close());

  /** Sends a whole request, and resolves when the handler waits. */
  async function ask(...headers: string[]): Promise<{ socket: Socket; answer: () => string }> {
    const arrived = once(host, 'arrived');
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    const lines = ['POST / HTTP/1.1', 'Host: a', 'Content-Type: application/json', 'Content-Length: 2', ...headers];
    socket.write(`${lines.join('\r\n')}\r\n\r\n{}`);
    await arrived;
    return { socket, answer: () => answer };
  }

  it.for([
    [
      'closes its connection',
      (socket: Socket) => {
        socket.destroy();
      },
    ],
    [
      'resets its connection',
      (socket: Socket) => {
        socket.resetAndDestroy();
      },
    ],
    [
      'ends its side',
      (socket: Socket) => {
        socket.end();
      },
    ],
  ] as const)('that %s has hung up', async ([, leave]) => {
    const { socket } = await ask();
    leave(socket);
    await sleep(SOON);
    expect(await answered()).toEqual([false, true]);
    socket.destroy();
  });

  it.for(['Connection: keep-alive', 'Connection: close'])('that waits with "%s" has not', async (connection) => {
    const { socket, answer } = await ask(connection);
    await sleep(SOON);
    expect(await answered()).toEqual([false, false]);
    await expect.poll(answer).toContain('{"afterwards":false}');
    socket.destroy();
  });

  it('that uses a connection again has not', async () => {
    const { socket, answer } = await ask();
    await answered();
    await expect.poll(answer).toContain('{"afterwards":false}');
    waits = false;
    const again = seen();
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n');
    expect(await again).toEqual([false, false]);
    socket.destroy();
  });

  it('that is supertest has not', async () => {
    waits = false;
    expect((await supertest(app.getHttpServer()).post('/').send({})).body).toEqual({ afterwards: false });
  });

  if (name === 'fastify') {
    it('that is `inject` has not', async () => {
      waits = false;
      expect((await app.inject({ method: 'POST', url: '/', payload: {} })).json()).toEqual({ afterwards: false });
    });
  }
});

describe('a client of HTTP/2', () => {
  let app: NestFastifyApplication;
  let url: string;
  beforeAll(async () => {
    const adapter = new FastifyAdapter({ http2: true } as object);
    app = await NestFactory.create<NestFastifyApplication>(WaitingModule, adapter, { logger: false });
    await app.listen(0, '127.0.0.1');
    url = `http://127.0.0.1:${(app.getHttpServer().address() as { port: number }).port}`;
  });
  afterAll(() => app.close());

  it.for([
    ['cancels its request', true],
    ['waits', false],
  ] as const)('that %s: %s', async ([, leaves]) => {
    const arrived = once(host, 'arrived');
    const client = connectHttp2(url);
    const stream = client.request({ ':method': 'POST', ':path': '/' });
    stream.on('error', () => undefined).end();
    await arrived;
    if (leaves) stream.close(8); // CANCEL
    await sleep(SOON);
    expect(await answered()).toEqual([false, leaves]);
    client.destroy();
  });
});

const throwing = Object.defineProperty({}, 'socket', {
  get() {
    throw new Error('a request of the host');
  },
});

it.each([
  ['an empty object', {}],
  ['a request without a socket', { socket: null }],
  ['a request with a socket of a test', { socket: {} }],
  ['a request that throws', throwing],
  ['a message', new MessageRequest({}, { token: 'a' })],
])('%s has no client that could hang up', (_, request) => {
  expect(hasHungUp(request as unknown as HttpRequest)).toBe(false);
});
