import { headerOf, type HttpRequest } from '../common/request/http-request.js';
import { parseUserAgent } from '../common/request/parse-user-agent.js';
import type { FingerprintSignal } from './device-options.js';

/** Characters. Longer headers are cut, because they can only serve to keep the server busy. */
const LONGEST = 512;

/** The browser or other program, from `User-Agent`. It omits the version, so that an update does not change it. */
export const browserFamily: FingerprintSignal = (request) => {
  const userAgent = boundedHeader(request, 'user-agent');
  return userAgent && parseUserAgent(userAgent).browser;
};

/** The operating system, and whether the device is a desktop, tablet or phone, from `User-Agent`. It omits versions. */
export const platform: FingerprintSignal = (request) => {
  const userAgent = boundedHeader(request, 'user-agent');
  if (!userAgent) return undefined;
  const { os, device } = parseUserAgent(userAgent);
  return `${os} ${device}`;
};

/** The brands, platform and form factor from client hints (`Sec-CH-UA…`), without versions. */
export const clientHints: FingerprintSignal = (request) => {
  const hints = [
    brandsOf(boundedHeader(request, 'sec-ch-ua')),
    ...['sec-ch-ua-platform', 'sec-ch-ua-mobile'].map((name) => boundedHeader(request, name)),
  ];
  return hints.every((hint) => hint === undefined) ? undefined : JSON.stringify(hints);
};

/** The raw value of a header, for example an id that the client made for its device: `headerSignal('x-device-id')`. */
export function headerSignal(name: string): FingerprintSignal {
  const lower = name.toLowerCase();
  return (request) => boundedHeader(request, lower);
}

/** Browsers add a fake brand that changes with each version (GREASE), so that programs do not expect a fixed list. */
function brandsOf(header: string | undefined): string[] | undefined {
  const brands = header?.matchAll(/"((?:[^"\\]|\\.)*)";v="[^"]*"/g);
  return (
    brands &&
    [...brands]
      .map(([, brand]) => brand)
      .filter((brand) => !/not.*brand/i.test(brand))
      .sort()
  );
}

function boundedHeader(request: HttpRequest, name: string): string | undefined {
  return headerOf(request, name)?.slice(0, LONGEST);
}
