import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DemoProcess } from '../support/demo-process.js';
import { bearer, send } from '../support/http.js';
import {
  available,
  expectSoon,
  feedHealth,
  Service,
  type ServiceSetup,
  signIn,
  verdictOf,
} from '../support/demo-service.js';
import { eventually } from '../support/eventually.js';

const setup: ServiceSetup = { title: 'PostgreSQL and Redis', database: 'postgres', redis: true, delay: '1s' };

describe.skipIf(!available(setup))(`Redis away, for three processes on ${setup.title}`, () => {
  const service = new Service(setup);
  let a: DemoProcess;
  let others: DemoProcess[];
  beforeAll(async () => {
    await service.start(3);
    [a, ...others] = service.demos;
    await allAre('connected');
  });
  afterAll(() => service.stop());

  async function allAre(channel: 'connected' | 'disconnected'): Promise<void> {
    for (const demo of service.demos) {
      await eventually(async () => expect(await feedHealth(demo)).toMatchObject({ channel }));
    }
  }

  async function logOutOnA(): Promise<{ ended: string; spared: string }> {
    const [ended, spared] = [await signIn(a, 'alice'), await signIn(a, 'alice')];
    const answer = await send('POST', `${a.url}/auth/logout`, { headers: bearer(ended.accessToken) });
    expect(answer.status).toBe(204);
    return { ended: ended.accessToken, spared: spared.accessToken };
  }

  async function expectArrival(): Promise<void> {
    const { ended, spared } = await logOutOnA();
    await expectSoon(service.demos, ended, 'token_revoked');
    for (const demo of service.demos) expect(await verdictOf(demo, spared)).toBe('accepted');
  }

  const said = (demo: DemoProcess, text: string) => demo.output().split(text).length - 1;

  it('changes nothing but the way: polling takes over, and that is said once', async () => {
    await expectArrival();
    service.redis!.cut();
    await allAre('disconnected');
    for (let revocation = 0; revocation < 3; revocation++) await expectArrival();

    // Meanwhile every process has tried several times to connect.
    for (const demo of service.demos) {
      expect(said(demo, 'The revocation channel is disconnected'), demo.output()).toBe(1);
      expect(demo.output()).toContain('Revocations arrive by polling only, within 1000 ms');
      expect(await feedHealth(demo)).toMatchObject({ stale: expect.any(Boolean), channel: 'disconnected' });
    }
  });

  it('comes back by itself, and carries what is revoked from then on', async () => {
    const { ended } = await logOutOnA();
    service.redis!.restore();
    await expectSoon(others, ended, 'token_revoked');
    await allAre('connected');
    await expectArrival();
    for (const demo of service.demos) {
      expect(said(demo, 'The revocation channel is connected')).toBe(2);
      expect(said(demo, 'The revocation channel is disconnected')).toBe(1);
    }
  });

  it('may come and go in the middle of revocations', async () => {
    const ended: string[] = [];
    for (let round = 0; round < 3; round++) {
      service.redis!.cut();
      ended.push((await logOutOnA()).ended);
      service.redis!.restore();
      ended.push((await logOutOnA()).ended);
    }
    for (const accessToken of ended) await expectSoon(service.demos, accessToken, 'token_revoked');
    await allAre('connected');
  });

  it('keeps no process from starting, nor from ending', async () => {
    service.redis!.cut();
    try {
      const late = await service.launch();
      await eventually(() => expect(said(late, 'The revocation channel is disconnected')).toBe(1));
      const { ended } = await logOutOnA();
      await expectSoon([late], ended, 'token_revoked');
      expect(await late.stop()).toMatchObject({ signal: 'SIGTERM' });
    } finally {
      service.redis!.restore();
    }
  });

  it('may fall silent: what it no longer carries arrives by polling', async () => {
    await allAre('connected');
    service.redis!.strand();
    await expectArrival();
  });
});
