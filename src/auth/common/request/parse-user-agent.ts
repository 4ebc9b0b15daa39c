import bowser from 'bowser';
import { LRUCache } from 'lru-cache';

/** What a `User-Agent` tells. */
export interface ParsedUserAgent {
  /** For example `Chrome`. For an unknown browser it is the first word, for example `curl`. */
  readonly browser: string;
  /** `Windows`, or an empty text. */
  readonly os: string;
  /** `desktop`, `tablet`, `mobile`, or an empty text. */
  readonly device: string;
  /** The first number of the browser's version; 0 where it is not known. */
  readonly majorVersion: number;
}

/** The same few come again and again, and none is parsed fast. */
const known = new LRUCache<string, ParsedUserAgent>({ max: 1000 });

export function parseUserAgent(header: string): ParsedUserAgent {
  let userAgent = known.get(header);
  if (!userAgent) {
    // It refuses an empty text, and answers some with an empty name.
    const { browser, os, platform } = bowser.parse(header || ' ');
    userAgent = {
      browser: browser.name || header.split('/', 1)[0],
      os: os.name ?? '',
      device: platform.type ?? '',
      majorVersion: Number.parseInt(browser.version ?? '', 10) || 0,
    };
    known.set(header, userAgent);
  }
  return userAgent;
}
