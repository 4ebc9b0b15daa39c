import { once } from 'node:events';
import { Agent, get as httpGet, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  Header,
  Injectable,
  type NestInterceptor,
  NotFoundException,
  Param,
  type PipeTransform,
  Post,
  Req,
  Res,
  Sse,
  StreamableFile,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { Clock, JwtAuthGuard, Public } from 'nestjs-refresh-token';
import { OutlivesToken, StreamSessions } from 'nestjs-refresh-token/sockets';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { delay, interval, map, merge, Observable, of } from 'rxjs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Adapter, type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { bearer, refresh, send } from '../support/http.js';
import { listening, signIn } from '../support/listening.js';
import { eventually } from '../support/eventually.js';

/** What the host's streams have left open. */
const running = new Set<object>();
const reasons: unknown[] = [];

/** Yields until it is ended, and notices that. */
async function* ticks() {
  const own = {};
  running.add(own);
  try {
    for (;;) {
      yield Buffer.from('tick\n');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  } finally {
    running.delete(own);
  }
}

@Injectable()
class Heartbeat implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler) {
    const beats = new Observable<object>((listener) => {
      const own = {};
      running.add(own);
      const beating = interval(50)
        .pipe(map(() => ({ data: 'beat' })))
        .subscribe(listener);
      return () => {
        running.delete(own);
        beating.unsubscribe();
      };
    });
    return merge(next.handle(), beats);
  }
}

@Injectable()
class Delay implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(delay(100));
  }
}

@Injectable()
class KnownRoom implements PipeTransform {
  async transform(room: string) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (room === 'none') throw new NotFoundException();
    return room;
  }
}

interface Reply {
  raw?: ServerResponse;
  send(stream: Readable): unknown;
}

@UseGuards(JwtAuthGuard)
@Controller('streams')
class StreamsController {
  constructor(private readonly streams: StreamSessions) {}

  @Sse('sse')
  sse() {
    return new Observable<object>((listener) => {
      const own = {};
      running.add(own);
      const ticking = interval(10)
        .pipe(map((count) => ({ type: 'tick', data: String(count) })))
        .subscribe(listener);
      return () => {
        running.delete(own);
        ticking.unsubscribe();
      };
    });
  }

  @Sse('silent')
  silent() {
    return new Observable<object>((listener) => {
      const own = {};
      running.add(own);
      listener.next({ data: 'begun' });
      return () => running.delete(own);
    });
  }

  @UseInterceptors(Heartbeat)
  @Sse('heartbeat')
  heartbeat() {
    return of({ data: 'begun' });
  }

  @UseInterceptors(Delay)
  @Sse('delayed')
  delayed() {
    return this.sse();
  }

  @Sse('broken-teardown')
  brokenTeardown() {
    return new Observable<object>((listener) => {
      listener.next({ data: 'begun' });
      return () => {
        throw new Error('broken teardown');
      };
    });
  }

  @Sse('rooms/:room')
  room(@Param('room', KnownRoom) room: string) {
    return of({ data: room });
  }

  @Sse('missing')
  async missing(): Promise<Observable<object>> {
    await new Promise((resolve) => setTimeout(resolve, 20));
    throw new NotFoundException();
  }

  @Sse('headed')
  async headed(@Res({ passthrough: true }) response: { header(name: string, value: string): unknown }) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    response.header('x-room', '7');
    return of({ data: 'begun' });
  }

  /** Written by hand. */
  @Get('written')
  async written(@Res() response: Reply & ServerResponse) {
    const raw = response.raw ?? response;
    raw.writeHead(200, { 'content-type': 'text/event-stream' });
    for await (const tick of ticks()) {
      if (raw.destroyed) break;
      raw.write(`data: ${tick}\n`);
    }
  }

  @Get('generated')
  @Header('content-type', 'text/event-stream')
  async *generated() {
    for await (const tick of ticks()) yield `data: ${tick}\n`;
  }

  @Public()
  @Sse('open-to-all')
  openToAll() {
    return this.sse();
  }

  /** As a language model answers: slowly, and not for ever. */
  @Public()
  @Post('answer')
  async answer(@Res() response: Reply & ServerResponse) {
    const raw = response.raw ?? response;
    raw.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const word of ['a', 'whole', 'answer']) {
      raw.write(`data: ${word}\n\n`);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    raw.end('data: [DONE]\n\n');
  }

  @Sse('short')
  short() {
    return of({ data: 'all' });
  }

  @Get('file')
  file() {
    return new StreamableFile(Readable.from(ticks(), { objectMode: false }));
  }

  @OutlivesToken()
  @Get('download')
  download() {
    return new StreamableFile(Readable.from(ticks(), { objectMode: false }));
  }

  @Get('loop')
  async loop(@Res() response: Reply & ServerResponse) {
    const raw = response.raw ?? response;
    raw.writeHead(200, { 'content-type': 'application/x-ndjson' });
    for await (const tick of ticks()) {
      if (raw.destroyed) break;
      raw.write(tick);
    }
  }

  @Get('send')
  sent(@Res() response: Reply & ServerResponse) {
    const stream = Readable.from(ticks(), { objectMode: false });
    if (response.raw) response.send(stream);
    else stream.pipe(response).once('close', () => stream.destroy());
  }

  @Get('late')
  async late() {
    await new Promise((resolve) => setTimeout(resolve, 600));
    return { answer: 'whole' };
  }

  @Get('late-stream')
  async lateStream() {
    await new Promise((resolve) => setTimeout(resolve, 600));
    return new StreamableFile(Readable.from(ticks(), { objectMode: false }));
  }

  @Get('polled/:first')
  async polled(@Req() request: object, @Res() response: Reply & ServerResponse, @Param('first') first: string) {
    const signal = this.streams.signalOf(request);
    const raw = response.raw ?? response;
    if (first === 'begun') raw.writeHead(200).write('begun');
    const own = {};
    running.add(own);
    if (!signal.aborted) await once(signal, 'abort');
    running.delete(own);
    reasons.push(signal.reason);
    if (first === 'begun') raw.end(' and ended by the host');
    else throw signal.reason as Error;
  }

  @Public()
  @Get('public')
  public(@Req() request: object) {
    return this.streams.signalOf(request).aborted;
  }
}

interface Read {
  status: number;
  /** Resolves with everything that was sent; the second value tells whether it was complete. */
  end: Promise<{ text: string; complete: boolean }>;
  cancel(): void;
}

/** Opens a stream, and resolves when its first bytes have come. */
async function open(url: string, accessToken: string): Promise<Read> {
  const controller = new AbortController();
  const response = await fetch(url, { headers: bearer(accessToken), signal: controller.signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value ?? '';
  const end = (async () => {
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return { text, complete: true };
        text += value;
      }
    } catch {
      return { text, complete: false };
    }
  })();
  return { status: response.status, end, cancel: () => controller.abort() };
}

const EVENT = /\n\nevent: exception\ndata: (.*)\n\n$/;
const EVENT_STREAMS = ['sse', 'silent', 'written', 'generated'];
const STREAMS = [...EVENT_STREAMS, 'file', 'loop', 'send'];
const isSse = (path: string) => EVENT_STREAMS.includes(path);

for (const adapter of ['express', 'fastify'] as const) {
  describe(`a guarded stream (${adapter})`, () => {
    const app = listening(adapter, { controllers: [StreamsController] });
    const nothingLeft = () =>
      eventually(() => {
        expect(running.size).toBe(0);
        expect(app.module.get(StreamSessions).size).toBe(0);
      });

    test.each(STREAMS)('%s ends when its user logs out', async (path) => {
      const { accessToken, refreshToken } = await signIn(app);
      const stream = await open(`${app.url}/streams/${path}`, accessToken);
      expect(stream.status).toBe(200);
      await send('POST', `${app.url}/auth/logout`, { body: { refresh_token: refreshToken } });
      const { text, complete } = await stream.end;
      // What is cut off must not look complete.
      expect(complete).toBe(isSse(path));
      if (isSse(path)) expect(JSON.parse(EVENT.exec(text)![1])).toMatchObject({ error: 'token_revoked' });
      await nothingLeft();
      expect((await send('GET', `${app.url}/streams/${path}`, { headers: bearer(accessToken) })).status).toBe(401);
    });

    test.each(EVENT_STREAMS)('%s does not spoil the next request, as behind a proxy', async (path) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      onTestFinished(() => agent.destroy());
      const get = async (url: string, accessToken: string) => {
        const request = httpGet(`${app.url}${url}`, { agent, headers: bearer(accessToken) });
        const [response] = (await once(request, 'response')) as [IncomingMessage];
        const text = response.toArray().then((parts) => Buffer.concat(parts).toString());
        return { status: response.statusCode, text };
      };
      const { accessToken } = await signIn(app);
      for (let round = 0; round < 10; round++) {
        const ended = await signIn(app);
        const stream = await get(`/streams/${path}`, ended.accessToken);
        await app.service.revoke(ended.sessionId, 'ended_by_admin');
        expect(await stream.text).toMatch(EVENT);
        const next = await get('/streams/short', accessToken);
        expect(next.status).toBe(200);
        await next.text;
      }
      await nothingLeft();
    });

    test.each(['heartbeat', 'delayed', 'broken-teardown'])('%s sends nothing after the event', async (path) => {
      const { accessToken, sessionId } = await signIn(app);
      const stream = await open(`${app.url}/streams/${path}`, accessToken);
      await app.service.revoke(sessionId, 'ended_by_admin');
      const { text, complete } = await stream.end;
      expect(text).toMatch(EVENT);
      expect(complete).toBe(true);
      await nothingLeft();
    });

    test('is not one that fails before it begins', async () => {
      const { accessToken } = await signIn(app);
      const get = (path: string) => send('GET', `${app.url}/streams/${path}`, { headers: bearer(accessToken) });
      expect((await get('rooms/none')).status).toBe(404);
      expect((await get('missing')).status).toBe(404);
      const response = await fetch(`${app.url}/streams/headed`, { headers: bearer(accessToken) });
      expect(response.headers.get('x-room')).toBe('7');
      expect(await response.text()).toContain('begun');
    });

    test.each(STREAMS)('%s that is older ends as well', async (path) => {
      const { accessToken, sessionId } = await signIn(app);
      const stream = await open(`${app.url}/streams/${path}`, accessToken);
      await eventually(() => expect(app.module.get(StreamSessions).size).toBe(1));
      await app.service.revoke(sessionId, 'ended_by_admin');
      expect((await stream.end).complete).toBe(isSse(path));
      await nothingLeft();
    });

    test.each<[string, (session: { refreshToken: string; sessionId: string }) => Promise<unknown>, string]>([
      ['by its id', ({ sessionId }) => app.service.revoke(sessionId, 'ended_by_admin'), 'token_revoked'],
      ['with all of its user', () => app.service.revokeAllOfUser('user-bob', 'ended_by_admin'), 'token_revoked'],
      ['by changed permissions', () => app.service.permissionsChanged('user-bob'), 'token_stale'],
      [
        'by reuse',
        async ({ refreshToken }) => {
          const { body } = await refresh(app.url, refreshToken);
          await refresh(app.url, body.refresh_token);
          app.clock.advance(600_000);
          await refresh(app.url, refreshToken);
        },
        'token_revoked',
      ],
    ])('ends if the session is ended %s', async (_, endIt, error) => {
      const session = await signIn(app, { username: 'bob' });
      const stream = await open(`${app.url}/streams/sse`, session.accessToken);
      const other = await open(`${app.url}/streams/sse`, (await signIn(app)).accessToken);
      await endIt(session);
      expect(JSON.parse(EVENT.exec((await stream.end).text)![1])).toMatchObject({ error });
      await eventually(() => expect(running.size).toBe(1));
      other.cancel();
      await nothingLeft();
    });

    test('that has not begun is answered by its handler, unless it is a stream', async () => {
      const { accessToken, sessionId } = await signIn(app);
      const answer = send('GET', `${app.url}/streams/late`, { headers: bearer(accessToken) });
      const stream = open(`${app.url}/streams/late-stream`, accessToken);
      await eventually(() => expect(app.module.get(StreamSessions).size).toBe(2));
      await app.service.revoke(sessionId, 'ended_by_admin');
      expect(await answer).toMatchObject({ status: 200, body: { answer: 'whole' } });
      expect((await (await stream).end).complete).toBe(false);
      await nothingLeft();
    });

    test('gives its handler a signal', async () => {
      const { accessToken, sessionId } = await signIn(app);
      const begun = await open(`${app.url}/streams/polled/begun`, accessToken);
      const waiting = send('GET', `${app.url}/streams/polled/later`, { headers: bearer(accessToken) });
      await eventually(() => expect(running.size).toBe(2));
      await app.service.revoke(sessionId, 'ended_by_admin');
      expect(await begun.end).toEqual({ text: 'begun and ended by the host', complete: true });
      expect(await waiting).toMatchObject({ status: 401, body: { error: 'token_revoked' } });
      expect(reasons.splice(0)).toMatchObject([{ code: 'token_revoked' }, { code: 'token_revoked' }]);
      await nothingLeft();
    });

    test('aborts the signal when the client leaves', async () => {
      const stream = await open(`${app.url}/streams/polled/begun`, (await signIn(app)).accessToken);
      stream.cancel();
      await stream.end;
      await nothingLeft();
      expect(reasons.splice(0)).toMatchObject([{ name: 'AbortError' }]);
    });

    test('has no signal without a guard', async () => {
      expect(await send('GET', `${app.url}/streams/public`)).toMatchObject({
        status: 401,
        body: { error: 'unauthorized' },
      });
    });

    test('does nothing to a response that is not a stream, as in a unit test of the host', async () => {
      const request = { method: 'GET', url: '/', headers: bearer((await signIn(app)).accessToken) };
      const [response, handler] = [{ header: () => undefined }, () => undefined];
      const context = new ExecutionContextHost([request, response], StreamsController, handler);
      expect(await app.module.get(JwtAuthGuard).canActivate(context)).toBe(true);
      await new Promise((resolve) => setTimeout(resolve, 150));
      expect(app.module.get(StreamSessions).size).toBe(0);
    });

    test('leaves nothing when it has ended before', async () => {
      const { accessToken, sessionId } = await signIn(app);
      const whole = await open(`${app.url}/streams/short`, accessToken);
      expect(await whole.end).toMatchObject({ complete: true });
      await app.service.revoke(sessionId, 'ended_by_admin');
      await nothingLeft();
    });

    test('leaves nothing of five hundred', async () => {
      const { accessToken } = await signIn(app);
      for (let round = 0; round < 10; round++) {
        const streams = await Promise.all(
          Array.from({ length: 50 }, () => open(`${app.url}/streams/silent`, accessToken)),
        );
        for (const stream of streams) stream.cancel();
        await Promise.all(streams.map(({ end }) => end));
      }
      await nothingLeft();
    });
  });

  describe(`a guarded stream whose token expires (${adapter})`, () => {
    const app = listening(adapter, {
      controllers: [StreamsController],
      clock: new Clock(),
      options: { accessToken: { ttl: '2s' } },
    });

    test('ends, except for one that outlives its token', async () => {
      const { accessToken, sessionId } = await signIn(app);
      const [download, ...others] = await Promise.all(
        ['download', ...STREAMS].map((path) => open(`${app.url}/streams/${path}`, accessToken)),
      );
      const ended = await Promise.all(others.map(({ end }) => end));
      expect(ended.map(({ complete }) => complete)).toEqual(STREAMS.map(isSse));
      expect(JSON.parse(EVENT.exec(ended[0].text)![1])).toMatchObject({ error: 'token_expired' });
      await eventually(() => expect(running.size).toBe(1));
      await app.service.revoke(sessionId, 'ended_by_admin');
      expect((await download.end).complete).toBe(false);
      await eventually(() => expect(running.size).toBe(0));
    });
  });
}

describe('a guarded stream on two instances', () => {
  let database: TestDatabase;
  let apps: AuthApp[];
  const start = (adapter: Adapter, onStale: 'serve' | 'refuse' = 'serve') =>
    createAuthApp(adapter, database, {
      controllers: [StreamsController],
      clock: new Clock(),
      options: { revocation: { delay: '1s', onStale } },
    });
  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
    apps = [await start('express'), await start('fastify')];
    for (const { app } of apps) app.useLogger(false);
  });
  afterAll(async () => {
    await Promise.all((apps ?? []).map((app) => app.close()));
    await database?.drop();
  });

  test('ends on the one when its session is revoked on the other', async () => {
    const [one, other] = apps;
    const { accessToken, sessionId } = await signIn(one);
    const streams = [
      await open(`${one.url}/streams/sse`, accessToken),
      await open(`${other.url}/streams/sse`, accessToken),
    ];
    await other.service.revoke(sessionId, 'ended_by_admin');
    for (const { end } of streams) expect((await end).text).toContain('token_revoked');
  });

  test('ends when the revocation list is too old, if that is refused', async () => {
    const other = await start('fastify', 'refuse');
    onTestFinished(() => other.close());
    other.app.useLogger(false);
    const { accessToken } = await signIn(other);
    const stream = await open(`${other.url}/streams/sse`, accessToken);
    await other.dataSource.query('ALTER TABLE refresh_tokens RENAME TO away');
    onTestFinished(() => other.dataSource.query('ALTER TABLE away RENAME TO refresh_tokens'));
    expect((await stream.end).text).toContain('temporarily_unavailable');
  });
});

describe.each(['express', 'fastify'] as const)('a stream when the application stops (%s)', (adapter) => {
  const started = async () => {
    const database = await databaseNamed('sqljs').create();
    onTestFinished(() => database.drop());
    return createAuthApp(adapter, database, {
      controllers: [StreamsController],
      options: { shutdown: { drainTimeout: '60s' } },
    });
  };

  test.each([...EVENT_STREAMS, 'open-to-all'])('of events ends at once, and completely: %s', async (path) => {
    const app = await started();
    const stream = await open(`${app.url}/streams/${path}`, (await signIn(app)).accessToken);
    const startedAt = performance.now();
    await app.close();
    expect(await stream.end).toMatchObject({ complete: true });
    expect(performance.now() - startedAt).toBeLessThan(15_000);
    await eventually(() => expect(running.size).toBe(0));
  });

  test('that answers a POST is sent to its end', async () => {
    const app = await started();
    const response = await fetch(`${app.url}/streams/answer`, { method: 'POST' });
    await app.close();
    expect(await response.text()).toContain('[DONE]');
  });
});
