import fc from 'fast-check';
import { ChangedUserAgent, UserAgent } from 'nestjs-refresh-token/risk';
import { describe, expect, it } from 'vitest';
import { signals } from '../support/signals.js';

const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1';

describe('a user agent', () => {
  it('tells browser, system and device', () => {
    const { browser, majorVersion, system, device } = new UserAgent(IPHONE);
    expect({ browser, majorVersion, system, device }).toEqual({
      browser: 'Safari',
      majorVersion: 18,
      system: 'iOS',
      device: 'mobile',
    });
  });

  const hostile = [
    '',
    ' ',
    '(',
    '('.repeat(512),
    'a'.repeat(512),
    `Mozilla/${'5'.repeat(400)}`,
    'Mozilla/5.0 '.repeat(40),
    '\u001b[31mred\u001b[0m\r\nSet-Cookie: x=y',
    '\u202egnp.exe',
    '🙂'.repeat(200),
    '__proto__',
    'constructor/1 toString/2',
    "'; DROP TABLE auth_events; --",
    '<script>alert(1)</script>',
  ];

  it.each(hostile)('may be %j', (text) => {
    const userAgent = new UserAgent(text);
    expect(() => [userAgent.browser, userAgent.majorVersion, userAgent.system, userAgent.device]).not.toThrow();
    expect(userAgent.mayHaveBecome(new UserAgent(text))).toBe(true);
  });

  it('may be anything at all', () => {
    const rule = new ChangedUserAgent();
    fc.assert(
      fc.property(fc.string({ maxLength: 512 }), fc.string({ maxLength: 512 }), (one, other) => {
        expect([undefined, 'alert']).toContain(rule.judge(signals({ userAgent: one, last: { userAgent: other } })));
      }),
    );
  });
});
