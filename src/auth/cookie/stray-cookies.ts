import { randomInt } from 'node:crypto';
import { stringifySetCookie } from 'cookie';
import type { HttpRequest } from '../common/request/http-request.js';
import type { CookieConfig } from './cookie-options.js';

/** Headers in one answer. Proxies buffer few kilobytes of them. */
const MOST = 24;
/** The characters that a path in `Set-Cookie` may have. */
const PATH = /^[!-:=-~]*$/;

/** Where a browser may have a cookie of the same name. */
interface Place {
  /** `undefined` for the host itself. */
  readonly domain: string | undefined;
  readonly path: string;
  readonly partitioned: boolean;
}

/**
 * The `Set-Cookie` headers that remove the cookies with this name from wherever a browser can have them for this request,
 * except ours. Another host of the domain may have put them there, so that browsers send them first.
 *
 * @param isReplaced whether the same answer then sets or clears ours. A browser that knows no partitions has one cookie for
 *   both, so otherwise the other partition is left alone
 */
export function strayCookies(config: CookieConfig, name: string, request: HttpRequest, isReplaced: boolean): string[] {
  const { secure, sameSite } = config;
  const all = placesOf(config, name, request, isReplaced);
  // If they are too many, repeated requests reach all.
  const first = all.length > MOST ? randomInt(all.length) : 0;
  const places = [...all.slice(first), ...all.slice(0, first)].slice(0, MOST);
  return places.map((place) => stringifySetCookie(name, '', { maxAge: 0, secure, sameSite, ...place }));
}

function placesOf(config: CookieConfig, name: string, request: HttpRequest, isReplaced: boolean): Place[] {
  const { domain, secure, partitioned } = config;
  const otherPartition = { domain, path: '/', partitioned: !partitioned };
  // With this prefix, only the other partition can have another cookie.
  if (name.startsWith('__Host-')) return [otherPartition];
  const partitions = secure ? [false, true] : [false];
  const elsewhere = partitions
    .flatMap((partition) =>
      domainsOf(request, domain).flatMap((one) =>
        pathsOf(request).map((path) => ({ domain: one, path, partitioned: partition })),
      ),
    )
    .filter((place) => place.domain !== domain || place.path !== '/');
  return isReplaced && secure ? [otherPartition, ...elsewhere] : elsewhere;
}

/** The host itself, then its domains as far as that of our cookies. */
function domainsOf({ host = '' }: HttpRequest, domain = ''): (string | undefined)[] {
  const labels = host.replace(/:\d+$/, '').toLowerCase().split('.');
  const isName = labels.every((label) => /^[a-z0-9-]+$/.test(label)) && !/^\d+$/.test(labels.at(-1)!);
  const domains = labels.slice(0, -1).map((_, index) => labels.slice(index).join('.'));
  return [undefined, ...domains.filter((one) => isName && one.length >= domain.length)];
}

/** The paths of the cookies that a browser sends to this URL (RFC 6265 §5.1.4). */
function pathsOf({ originalUrl, url }: HttpRequest): string[] {
  const [path] = (originalUrl ?? url).split(/[?#]/, 1);
  const slashes = [...path.matchAll(/\//g)].map(({ index }) => index);
  const prefixes = slashes.flatMap((at) => [path.slice(0, at), path.slice(0, at + 1)]);
  return [...new Set([...prefixes, path])].filter((prefix) => prefix.startsWith('/') && PATH.test(prefix));
}
