import { Logger } from '@nestjs/common';
import { ChangedUserAgent } from 'nestjs-refresh-token/risk';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';

afterEach(() => vi.restoreAllMocks());

describe('the log line of an alert', () => {
  it.each([
    ['line feeds', 'curl\r\nWARN a line of its own'],
    ['escapes of a terminal', '\u001b[2J\u001b[31mred'],
    ['escapes of eight bits', '\u009b31mred\u0085next'],
    ['separators of lines', 'one\u2028two\u2029three'],
    ['turned text', '\u202etxt.exe\u2066'],
  ])('stays one, and harmless, with %s in the user agent', async (_, userAgent) => {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const options = { risk: { rules: [new ChangedUserAgent()] } };
    const host = await createAuthContext(await databaseNamed('sqljs').create(), { options });
    onTestFinished(() => host.close());
    const { refreshToken } = await host.service.issue({ id: 'user-alice', roles: [] }, {}, { userAgent: 'Mine/1.0' });
    await host.service.refresh(refreshToken, { userAgent });

    const [line] = warn.mock.calls
      .map(([first]) => String(first))
      .filter((text) => text.includes('changed_user_agent'));
    expect(line).toMatch(/^[^\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+$/u);
    // Nothing has been left out.
    expect(JSON.parse(line)).toMatchObject({ type: 'refreshed', alert: true, userAgent });
  });
});
