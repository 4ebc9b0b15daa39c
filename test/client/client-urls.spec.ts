import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { absoluteUrl, originOf } from '../../src/client/url.js';
import { OldReactNativeUrl, ReactNativeUrl } from '../support/react-native-url.js';

const BASE = 'https://api.example/v1/';
const WholeUrl = globalThis.URL;

const platforms = [
  { platform: 'a browser or Node.js', Url: WholeUrl },
  { platform: 'React Native 0.72', Url: OldReactNativeUrl },
  { platform: 'React Native 0.85', Url: ReactNativeUrl },
];

describe.each(platforms)('URLs on the platform $platform', ({ Url }) => {
  beforeEach(() => {
    globalThis.URL = Url as typeof URL;
  });
  afterEach(() => {
    globalThis.URL = WholeUrl;
  });

  test.each([
    ['orders', 'https://api.example/v1/orders'],
    ['/orders', 'https://api.example/orders'],
    ['orders/', 'https://api.example/v1/orders/'],
    ['', 'https://api.example/v1/'],
    ['?page=2', 'https://api.example/v1/?page=2'],
    ['#top', 'https://api.example/v1/#top'],
    ['orders?next=/../x#/../y', 'https://api.example/v1/orders?next=/../x#/../y'],
    ['  /orders ', 'https://api.example/orders'],
    ['//cdn.example/logo', 'https://cdn.example/logo'],
    ['https://api.example/', 'https://api.example/'],
    ['https://api.example:80/orders', 'https://api.example:80/orders'],
    ['http://127.0.0.1:3000/orders', 'http://127.0.0.1:3000/orders'],
    ['http://[::1]:3000/orders', 'http://[::1]:3000/orders'],
  ])('%j becomes %s', (input, url) => {
    expect(absoluteUrl(input, BASE)).toBe(url);
    expect(originOf(url)).toBe(new WholeUrl(url).origin);
  });

  test.each([
    ['./orders/', 'https://api.example/v1/orders/'],
    ['../orders', 'https://api.example/orders'],
    ['../../../orders', 'https://api.example/orders'],
    ['a/../b/./c/..', 'https://api.example/v1/b/'],
    ['orders/ä b?q=ä b', 'https://api.example/v1/orders/%C3%A4%20b?q=%C3%A4%20b'],
    ['https://api.example', 'https://api.example/'],
    ['https://api.example?q', 'https://api.example/?q'],
    ['https://api.example#h', 'https://api.example/#h'],
  ])('%j is for the standard, which reads it after us, %s', (input, url) => {
    const ours = absoluteUrl(input, BASE);
    expect(new WholeUrl(ours).href).toBe(url);
    expect(originOf(ours)).toBe('https://api.example');
  });

  test.each([
    ['HTTPS://API.Example/Orders', 'https://api.example'],
    ['https://api.example:443/orders', 'https://api.example'],
    ['http://api.example:80/orders', 'http://api.example'],
  ])('only a whole URL finds out that %j is of %s', (input, origin) => {
    expect(originOf(absoluteUrl(input)) === origin).toBe(Url === WholeUrl);
  });

  test.each([
    'https://api.example@evil.example/',
    'https://api.example:443@evil.example/',
    'https://api.example%2f@evil.example/',
    'https://alice@api.example/',
    'https://api.example.evil.example/',
    'https://evil.example/?https://api.example/',
    'https://evil.example#https://api.example/',
    'https://evil.example\\@api.example/',
    '//evil.example/',
    '///evil.example/',
    '/\\evil.example/',
    '\\\\evil.example/',
    '/\t/evil.example/',
    'ht\ntps://evil.example/',
    'https:\\\\evil.example/',
    'https:/\\evil.example/',
    'https://аpi.example/',
    'https://api.example./',
    'https://api。example.evil.example/',
    'http://api.example/',
    'http://api.example:443/',
    'https://api.example:8443/',
    'wss://api.example/',
    'blob:https://api.example/4f2a',
    'data:text/plain,https://api.example/',
    'file:///api.example/',
    'content://api.example/1',
    'javascript://api.example/%0aalert(1)',
    'capacitor://localhost/',
  ])('%j does not belong to https://api.example', (input) => {
    expect(originFrom(input)).not.toBe('https://api.example');
  });

  test('what the fetch of the platform is given has the origin that it was judged by', () => {
    const piece = fc.constantFrom(
      ...[
        'https',
        'http',
        ':',
        '/',
        '//',
        '\\',
        '@',
        '#',
        '?',
        '.',
        '..',
        '%2e',
        '%2f',
        '\t',
        '\n',
        ' ',
        '\0',
        '[',
        ']',
      ],
      ...[
        'api.example',
        'API.example',
        'evil.example',
        ':443',
        ':80',
        ':',
        'ſ',
        'K',
        '。',
        '／',
        '＠',
        'é',
        '0x7f.1',
        '127.1',
      ],
    );
    const text = fc.array(piece, { maxLength: 9 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(text, (input) => {
        const url = absolute(input);
        const origin = url === undefined ? '' : originOf(url);
        const standard = (text: string) => (WholeUrl.canParse(text, BASE) ? new WholeUrl(text, BASE).origin : 'none');
        // Whoever reads the URL by the standard sees the same origin, or refuses it.
        if (origin) for (const text of [input, url!]) expect([standard(origin), 'none']).toContain(standard(text));
        if (origin === 'https://api.example') expect(standard(input)).toBe(origin);
      }),
      { numRuns: 5_000 },
    );
  });

  test.each(['', '/orders', 'orders', '//api.example'])('%j is not a URL without a base', (input) => {
    expect(() => absoluteUrl(input)).toThrow(TypeError);
  });

  test.each(['https://', 'https:///', 'https://?', 'https://:443'])('%j has no origin', (input) => {
    expect(originFrom(input)).toBe('');
  });

  test('an origin is whole only in its one spelling', () => {
    const spelled = (origin: string) => originOf(absoluteUrl(origin)) === origin;
    expect(spelled('https://api.example')).toBe(true);
    expect(spelled('http://localhost:3000')).toBe(true);
    for (const origin of ['https://api.example/', 'https://API.example', 'https://user@api.example', 'data:x']) {
      expect(spelled(origin)).toBe(false);
    }
  });
});

function absolute(input: string): string | undefined {
  try {
    return absoluteUrl(input, BASE);
  } catch {
    return undefined;
  }
}

const originFrom = (input: string) => originOf(absolute(input) ?? '');
