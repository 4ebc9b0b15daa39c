import { createHmac } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { type AuthEvent, webhookAlerts, type WebhookAlertsOptions } from 'nestjs-refresh-token';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { startReceiver } from '../support/webhook-receiver.js';
import { eventually } from '../support/eventually.js';

const KEY = Buffer.from('a test key of more than 24 bytes');
const secret = `whsec_${KEY.toString('base64')}`;

const event = (count: number): AuthEvent => ({
  type: 'reuse_detected',
  at: Date.UTC(2026, 0, 1) + count,
  alert: true,
  sessionId: 'session',
  userId: 'user-alice',
  reason: 'repeat_from_elsewhere',
  userAgent: 'curl\r\n🙂',
});

let lines: string[];
beforeEach(() => {
  lines = [];
  for (const level of ['warn', 'error'] as const) {
    vi.spyOn(Logger.prototype, level).mockImplementation((line: unknown) => void lines.push(String(line)));
  }
});
afterEach(() => vi.restoreAllMocks());

function sinkTo(url: string, options: Partial<WebhookAlertsOptions> = {}) {
  const sink = webhookAlerts({ url, secret, backOff: '10ms', ...options });
  onTestFinished(() => sink.close!());
  return sink;
}

describe('a webhook', () => {
  it('is posted the alert, signed and stamped as Standard Webhooks has it', async () => {
    const receiver = await startReceiver();
    void sinkTo(receiver.url).alert(event(0));
    await eventually(() => expect(receiver.deliveries).toHaveLength(1));
    const [{ headers, body }] = receiver.deliveries;
    const [id, timestamp] = [headers['webhook-id'], headers['webhook-timestamp']];
    const expected = createHmac('sha256', KEY).update(`${id}.${timestamp}.${body}`).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${expected}`);
    expect(headers['content-type']).toBe('application/json');
    expect(Math.abs(Number(timestamp) - Date.now() / 1000)).toBeLessThan(60);
    expect(JSON.parse(body)).toEqual({
      type: 'auth.reuse_detected',
      timestamp: '2026-01-01T00:00:00.000Z',
      data: { session_id: 'session', user_id: 'user-alice', reason: 'repeat_from_elsewhere', user_agent: 'curl\r\n🙂' },
    });
  });

  it('that fails is tried again, with the same id, and gets all alerts in their order', async () => {
    const receiver = await startReceiver((response, count) => response.writeHead(count <= 3 ? 503 : 200).end('busy'));
    const sink = sinkTo(receiver.url);
    for (let count = 0; count < 3; count++) void sink.alert(event(count));
    await eventually(() => expect(receiver.deliveries).toHaveLength(6));
    const ids = receiver.deliveries.map(({ headers }) => headers['webhook-id']);
    expect(new Set(ids.slice(0, 4)).size).toBe(1);
    expect(new Set(ids).size).toBe(3);
    const times = receiver.deliveries.slice(3).map(({ body }) => JSON.parse(body).timestamp);
    expect(times).toEqual([...times].sort());
  });

  it('that hangs is given up after the timeout, and never keeps the caller', async () => {
    const receiver = await startReceiver(() => undefined);
    const sink = sinkTo(receiver.url, { timeout: '50ms', retries: 1 });
    expect(sink.alert(event(0))).toBeUndefined();
    await eventually(() => expect(lines.join()).toContain('Alerts are lost (1 so far)'));
    expect(receiver.deliveries).toHaveLength(2);
  });

  it('that answers slowly holds up no more than its queue, which is bounded', async () => {
    const waiting: (() => void)[] = [];
    const receiver = await startReceiver((response) => waiting.push(() => response.writeHead(200).end()));
    const sink = sinkTo(receiver.url, { queueSize: 3 });
    for (let count = 0; count < 5; count++) void sink.alert(event(count));
    expect(lines.join()).toContain('Alerts are lost (1 so far): the queue is full');
    await eventually(() => {
      waiting.splice(0).forEach((answer) => answer());
      expect(receiver.deliveries).toHaveLength(3);
    });
  });

  it('is not there: nothing is thrown, and no line tells its address', async () => {
    const receiver = await startReceiver((response) => response.destroy());
    void sinkTo(receiver.url, { retries: 1 }).alert(event(0));
    await eventually(() => expect(lines.join()).toContain('Alerts are lost'));
    expect(lines.join()).not.toContain('secret-path');
    expect(lines.join()).not.toContain(secret);
  });

  it('cannot send the alert elsewhere by a redirect', async () => {
    const elsewhere = await startReceiver();
    const receiver = await startReceiver((response) => response.writeHead(307, { location: elsewhere.url }).end());
    void sinkTo(receiver.url, { retries: 0 }).alert(event(0));
    await eventually(() => expect(lines.join()).toContain('the receiver answered 307'));
    expect(elsewhere.deliveries).toEqual([]);
  });

  it('gets at an orderly stop what is still queued; one that hangs does not hold up the stop', async () => {
    const receiver = await startReceiver();
    const sink = webhookAlerts({ url: receiver.url, secret });
    for (let count = 0; count < 20; count++) void sink.alert(event(count));
    await sink.close!();
    expect(receiver.deliveries).toHaveLength(20);

    const hanging = webhookAlerts({ url: (await startReceiver(() => undefined)).url, secret, stopTimeout: '50ms' });
    void hanging.alert(event(0));
    const startedAt = performance.now();
    await hanging.close!();
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  it.each([
    [{ url: 'alerts.example' }, 'url must be an absolute URL'],
    [{ url: 'ftp://alerts.example' }, 'url must be an absolute URL'],
    [{ url: 'https://user:password@alerts.example' }, 'url must be an absolute URL'],
    [{ secret: 'short' }, 'secret takes at least 24 bytes'],
    [{ secret: '\n' }, 'webhookAlerts: secret has white space at its ends'],
    [{ secret: `${secret}\n` }, 'webhookAlerts: secret has white space at its ends'],
    [{ secret: ` ${secret}` }, 'webhookAlerts: secret has white space at its ends'],
    [{ secret: 'any other text of more than 24 bytes\r\n' }, "readFileSync(path, 'utf8').trim()"],
    [{ url: 'https://alerts.example/hook\n' }, 'webhookAlerts: url has white space at its ends'],
    [{ timeout: '0s' }, 'webhookAlerts: timeout'],
    [{ retries: -1 }, 'webhookAlerts: retries'],
    [{ queueSize: 0 }, 'webhookAlerts: queueSize'],
    [{ retry: 3 }, 'webhookAlerts: there is no option "retry"'],
  ])('%j is refused', (wrong, message) => {
    const made = () => webhookAlerts({ url: 'https://alerts.example', secret, ...wrong });
    expect(made).toThrow(message);
    expect(made).not.toThrow(KEY.toString('base64'));
  });
});
