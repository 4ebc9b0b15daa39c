import bowser from 'bowser';
import { LRUCache } from 'lru-cache';

/** A parsed `User-Agent`. */
export interface ParsedUserAgent {
  /** For example `Chrome`; for unknown programs the first word, for example `curl`. */
  readonly browser: string;
  /** For example `Windows`, or empty. */
  readonly os: string;
  /** `desktop`, `tablet`, `mobile`, or empty. */
  readonly device: string;
  /** The major version of the browser; 0 if unknown. */
  readonly majorVersion: number;
}

/** A cache: the same few headers recur, and parsing is slow. */
const known = new LRUCache<string, ParsedUserAgent>({ max: 1000 });

export function parseUserAgent(header: string): ParsedUserAgent {
  let userAgent = known.get(header);
  if (!userAgent) {
    // bowser rejects an empty text, and returns an empty name for some texts.
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
