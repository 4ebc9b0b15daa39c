import fc from 'fast-check';
import {
  ChangedFingerprint,
  ChangedUserAgent,
  type FenceLists,
  Geofence,
  ImpossibleTravel,
  NewCountry,
  NewIp,
  NewAsn,
  RepeatWithin,
  type RiskRule,
  strictest,
  TooFrequent,
  RepeatFromElsewhere,
  type Verdict,
} from 'nestjs-refresh-token/risk';
import { describe, expect, it } from 'vitest';
import { at, type Circumstances, HOUR, inCountry, NOW, signals } from '../support/signals.js';

/** What is said of the circumstances; `undefined`: nothing. */
type Row = [what: string, circumstances: Circumstances, verdict: Verdict | undefined];

const CHROME = (version: number, system = 'Windows NT 10.0; Win64; x64') =>
  `Mozilla/5.0 (${system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0.0.0 Safari/537.36`;
const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0';
const BERLIN = at(52.52, 13.4);
const MUNICH = at(48.14, 11.58);
const SYDNEY = at(-33.87, 151.21);

const tables: { rule: RiskRule; reason: string; rows: Row[] }[] = [
  {
    rule: new NewIp(),
    reason: 'new_ip',
    rows: [
      ['the same address', { ip: '192.0.2.1', last: { ip: '192.0.2.1' } }, undefined],
      ['another address', { ip: '192.0.2.2', last: { ip: '192.0.2.1' } }, 'alert'],
      ['another of the same /64', { ip: '2001:db8::2', last: { ip: '2001:db8:0:0:1:2:3:4' } }, undefined],
      ['another /64', { ip: '2001:db8:0:1::2', last: { ip: '2001:db8::2' } }, 'alert'],
      ['the other family', { ip: '2001:db8::2', last: { ip: '192.0.2.1' } }, 'alert'],
      ['none before', { ip: '192.0.2.1' }, undefined],
      ['none now', { last: { ip: '192.0.2.1' } }, undefined],
      ['a sign-in', { ip: '192.0.2.1', occasion: 'sign_in', last: undefined }, undefined],
    ],
  },
  {
    rule: new NewCountry({ verdict: 'step_up' }),
    reason: 'new_country',
    rows: [
      ['the same', { geoIp: inCountry('DE'), last: { geoIp: inCountry('DE') } }, undefined],
      ['another', { geoIp: inCountry('FR'), last: { geoIp: inCountry('DE') } }, 'step_up'],
      ['unknown before', { geoIp: inCountry('FR') }, undefined],
      ['unknown now', { last: { geoIp: inCountry('DE') } }, undefined],
    ],
  },
  {
    rule: new NewAsn(),
    reason: 'new_asn',
    rows: [
      ['the same', { geoIp: inCountry('DE', 3320), last: { geoIp: inCountry('FR', 3320) } }, undefined],
      ['another', { geoIp: inCountry('DE', 3209), last: { geoIp: inCountry('DE', 3320) } }, 'alert'],
      ['unknown before', { geoIp: inCountry('DE', 3209), last: { geoIp: inCountry('DE') } }, undefined],
    ],
  },
  {
    rule: new ImpossibleTravel(),
    reason: 'impossible_travel',
    rows: [
      ['Berlin to Munich in an hour', { geoIp: MUNICH, last: { geoIp: BERLIN } }, undefined],
      ['Berlin to Munich in ten minutes', { geoIp: MUNICH, last: { geoIp: BERLIN, ago: HOUR / 6 } }, 'step_up'],
      ['Berlin to Sydney in an hour', { geoIp: SYDNEY, last: { geoIp: BERLIN } }, 'step_up'],
      ['Berlin to Sydney in a day', { geoIp: SYDNEY, last: { geoIp: BERLIN, ago: 24 * HOUR } }, undefined],
      ['nowhere, in no time', { geoIp: BERLIN, last: { geoIp: BERLIN, ago: 0 } }, undefined],
      ['the clock set back', { geoIp: SYDNEY, last: { geoIp: BERLIN, ago: -HOUR } }, 'step_up'],
      [
        'the USA to Australia in a second',
        { geoIp: inCountry('AU'), last: { geoIp: inCountry('US'), ago: 1000 } },
        'step_up',
      ],
      [
        'Germany to France in a second: neighbours',
        { geoIp: inCountry('FR'), last: { geoIp: inCountry('DE'), ago: 1000 } },
        undefined,
      ],
      [
        'records without coordinates',
        { geoIp: { ...SYDNEY, location: null }, last: { geoIp: BERLIN, ago: 1 } },
        undefined,
      ],
    ],
  },
  {
    rule: new ChangedUserAgent(),
    reason: 'changed_user_agent',
    rows: [
      ['the same', { userAgent: CHROME(140), last: { userAgent: CHROME(140) } }, undefined],
      ['an update', { userAgent: CHROME(141), last: { userAgent: CHROME(140) } }, undefined],
      ['an older version', { userAgent: CHROME(120), last: { userAgent: CHROME(140) } }, 'alert'],
      ['another browser', { userAgent: FIREFOX, last: { userAgent: CHROME(140) } }, 'alert'],
      ['another system', { userAgent: CHROME(140, 'X11; Linux x86_64'), last: { userAgent: CHROME(140) } }, 'alert'],
      ['a program for a browser', { userAgent: 'curl/8.5.0', last: { userAgent: CHROME(140) } }, 'alert'],
      ['a newer program', { userAgent: 'MyApp/2.1', last: { userAgent: 'MyApp/2.0' } }, undefined],
      ['none now', { last: { userAgent: CHROME(140) } }, undefined],
    ],
  },
  {
    rule: new ChangedFingerprint({ verdict: 'revoke' }),
    reason: 'changed_fingerprint',
    rows: [
      ['the same device', {}, undefined],
      ['another', { deviceChanged: true }, 'revoke'],
    ],
  },
  {
    rule: new RepeatWithin({ time: '1s' }),
    reason: 'repeat_within',
    rows: [
      ['999 ms after the last', { sinceLastRefresh: 999 }, 'alert'],
      ['1000 ms after', { sinceLastRefresh: 1000 }, undefined],
      ['a repeat at once', { occasion: 'repeat', sinceLastRefresh: 0 }, 'alert'],
      ['the first after the login', { sinceLastRefresh: undefined }, undefined],
    ],
  },
  {
    rule: new TooFrequent({ moreThan: 60, verdict: 'step_up' }),
    reason: 'too_frequent',
    rows: [
      ['the sixtieth', { refreshesInPeriod: 60 }, undefined],
      ['the sixty-first', { refreshesInPeriod: 61 }, 'step_up'],
      ['a repeat counts for nothing', { occasion: 'repeat', refreshesInPeriod: 61 }, undefined],
    ],
  },
  {
    rule: new RepeatFromElsewhere(),
    reason: 'repeat_from_elsewhere',
    rows: [
      ['a retry', { occasion: 'repeat', geoIp: inCountry('DE', 1), last: { geoIp: inCountry('DE', 1) } }, undefined],
      [
        'from another network',
        { occasion: 'repeat', geoIp: inCountry('DE', 2), last: { geoIp: inCountry('DE', 1) } },
        'revoke',
      ],
      [
        'from another country',
        { occasion: 'repeat', geoIp: inCountry('FR'), last: { geoIp: inCountry('DE') } },
        'revoke',
      ],
      [
        'from another country, by the key of the session',
        { occasion: 'repeat', keyProven: true, geoIp: inCountry('FR'), last: { geoIp: inCountry('DE') } },
        undefined,
      ],
      ['from nowhere known', { occasion: 'repeat', last: { geoIp: inCountry('DE') } }, undefined],
      ['no repeat', { geoIp: inCountry('FR'), last: { geoIp: inCountry('DE') } }, undefined],
    ],
  },
];

describe.each(tables)('the rule $reason', ({ rule, reason, rows }) => {
  it('names itself', () => {
    expect(rule.reason).toBe(reason);
  });

  it.each(rows)('%s', (_, circumstances, verdict) => {
    expect(rule.judge(signals(circumstances))).toBe(verdict);
  });
});

describe('the rule region_not_allowed', () => {
  const bavaria = { ...inCountry('DE', 3320), regions: ['DE-BY'] };
  const fences: [lists: FenceLists, ip: string | null, geoIp: typeof bavaria | null, verdict: Verdict | undefined][] = [
    [{ allow: ['DE'] }, null, bavaria, undefined],
    [{ allow: ['AT', 'CH'] }, null, bavaria, 'deny'],
    [{ allow: ['DE-BY'] }, null, bavaria, undefined],
    [{ allow: ['DE-BE'] }, null, bavaria, 'deny'],
    [{ allow: ['AS3320'] }, null, bavaria, undefined],
    [{ allow: ['192.0.2.0/24'] }, '192.0.2.77', null, undefined],
    [{ allow: ['2001:db8::/32'] }, '2001:db8::1', null, undefined],
    [{ allow: ['loopback'] }, '127.0.0.1', null, undefined],
    [{ allow: ['DE'] }, '192.0.2.77', null, 'deny'],
    [{ deny: ['DE'] }, '192.0.2.77', null, undefined],
    [{ deny: ['DE'] }, null, bavaria, 'deny'],
    [{ deny: ['DE-BY'] }, null, bavaria, 'deny'],
    [{ deny: ['AS3320'] }, null, bavaria, 'deny'],
    [{ allow: ['DE'], deny: ['192.0.2.0/24'] }, '192.0.2.77', bavaria, 'deny'],
    [{ allow: [] }, null, bavaria, 'deny'],
    [{}, null, null, undefined],
    // Not of ISO 3166-1, and yet what GeoIP databases call Kosovo.
    [{ deny: ['XK'] }, null, { ...inCountry('XK'), regions: [] }, 'deny'],
    [{ deny: ['GB-ENG'] }, null, { ...inCountry('GB'), regions: ['GB-ENG'] }, 'deny'],
    [{ deny: ['AS4294967295'] }, null, { ...inCountry('GB', 4294967295), regions: [] }, 'deny'],
  ];

  it.each(fences)('%j lets %s', (lists, ip, geoIp, verdict) => {
    expect(new Geofence(lists).judge(signals({ ip, geoIp }))).toBe(verdict);
  });

  it('has lists of single users, in addition', async () => {
    const rule = new Geofence({
      deny: ['KP'],
      forUser: async (userId) => (userId === 'user-alice' ? { allow: ['DE'] } : undefined),
    });
    expect(await rule.judge(signals({ geoIp: inCountry('FR') }))).toBe('deny');
    expect(await rule.judge(signals({ geoIp: inCountry('DE') }))).toBeUndefined();
    expect(await rule.judge(signals({ geoIp: inCountry('FR'), userId: 'user-bob' }))).toBeUndefined();
    expect(await rule.judge(signals({ geoIp: inCountry('KP'), userId: 'user-bob' }))).toBe('deny');
  });

  it('fails on lists of a user that name what there is not', async () => {
    const rule = new Geofence({ forUser: () => ({ deny: ['UK'] }) });
    await expect(rule.judge(signals({ geoIp: inCountry('GB') }))).rejects.toThrow('Geofence: ');
  });

  it('takes the lists of a user as the row of a table has them', async () => {
    const row = { userId: 'user-alice', allow: null, deny: ['KP'] } as unknown as FenceLists;
    const rule = new Geofence({ forUser: () => row });
    expect(await rule.judge(signals({ geoIp: inCountry('KP') }))).toBe('deny');
    expect(await rule.judge(signals({ geoIp: inCountry('DE') }))).toBeUndefined();
  });
});

describe('what is wrong with a rule is said when it is made', () => {
  it.each([
    [() => new NewIp({ verdict: 'maybe' as Verdict }), 'NewIp: verdict'],
    [() => new TooFrequent({ moreThan: 0 }), 'TooFrequent: moreThan'],
    [() => new TooFrequent({ per: 'soon' }), 'TooFrequent: per'],
    [() => new RepeatWithin({ time: '2d' }), 'RepeatWithin: time'],
    [() => new ImpossibleTravel({ fasterThan: -1 }), 'ImpossibleTravel: fasterThan'],
    [() => new ImpossibleTravel({ fasterThan: '900' as never }), 'ImpossibleTravel: fasterThan'],
    [() => new NewIp({ verdct: 'deny' } as object), 'NewIp: there is no option "verdct". There are: verdict.'],
    [() => new RepeatFromElsewhere({ every: 1 } as object), 'RepeatFromElsewhere: there is no option "every"'],
    [() => new TooFrequent({ maxRefreshes: 5 } as object), 'TooFrequent: there is no option "maxRefreshes"'],
    [() => new RepeatWithin({ within: '1s' } as object), '"within". There are: verdict, time.'],
    [() => new ImpossibleTravel({ speed: 900 } as object), '"speed". There are: verdict, fasterThan.'],
    [() => new Geofence({ denied: ['KP'] } as object), '"denied". There are: allow, deny, forUser.'],
    [() => new Geofence({ allow: ['Germany'] }), "Geofence: allow: 'Germany'"],
    [() => new Geofence({ allow: 'DE' as never }), "Geofence: allow must be a list of strings, such as ['DE']"],
    [() => new Geofence({ allow: null as never }), 'Geofence: allow must be a list'],
    [
      () => new Geofence({ allow: ['UK'] }),
      "Geofence: allow: 'UK': there is no country UK. Write an ISO 3166-1 code",
    ],
    [() => new Geofence({ deny: ['XX'] }), "Geofence: deny: 'XX'"],
    [() => new Geofence({ deny: ['UK-LND'] }), "Geofence: deny: 'UK-LND': there is no country UK"],
    [() => new Geofence({ deny: ['de'] }), "Geofence: deny: 'de'"],
    [() => new Geofence({ deny: ['AS4294967296'] }), "Geofence: deny: 'AS4294967296' is not an autonomous system"],
    [() => new Geofence({ deny: ['192.0.2.0/33'] }), "Geofence: deny: '192.0.2.0/33'"],
    [() => new Geofence({ deny: ['192.0.2.0/'] }), "Geofence: deny: '192.0.2.0/'"],
    [() => new Geofence({ forUser: { allow: ['DE'] } as never }), 'Geofence: forUser must be a function'],
  ])('%#', (make, message) => {
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: 'invalid_configuration' }));
  });
});

describe('the verdict of several rules', () => {
  const severity = { allow: 0, alert: 1, step_up: 2, deny: 3, revoke: 4 };
  const finding = fc.record({
    reason: fc.constantFrom('a', 'b', 'c'),
    verdict: fc.constantFrom(...(Object.keys(severity) as Verdict[])),
  });

  it('is the strictest, whatever their order, and names those that had something to say', () => {
    fc.assert(
      fc.property(fc.array(finding), fc.array(finding), (some, others) => {
        const { verdict, reasons } = strictest([...some, ...others]);
        expect(strictest([...others, ...some]).verdict).toBe(verdict);
        expect(severity[verdict]).toBe(Math.max(0, ...[...some, ...others].map((one) => severity[one.verdict])));
        expect(reasons).toHaveLength([...some, ...others].filter((one) => one.verdict !== 'allow').length);
      }),
    );
  });

  it('is the same for the same signals', () => {
    const given = signals({ geoIp: SYDNEY, last: { geoIp: BERLIN }, at: NOW });
    const rules = tables.map(({ rule }) => rule);
    const judge = () => rules.map((rule) => rule.judge(given));
    expect(judge()).toEqual(judge());
  });
});
