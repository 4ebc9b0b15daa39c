import { integer, text } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { duration } from '../common/options/duration.js';

/** Access tokens: JWTs of RFC 9068. */
export class AccessTokenOptions {
  /** How long an access token lives, unless its session ends before. `'1s'` to `'24h'`; 15 to 30 minutes are advised. */
  ttl = '15m';
  /** The claim `iss`. */
  issuer = 'nestjs-refresh-token';
  /** The claim `aud`; the issuer, where it is not set. */
  audience?: string = undefined;
  /** How far the clocks of two servers may differ when `exp` is checked. `'0s'` to `'60s'`. */
  clockTolerance = '0s';
  /** How many verified access tokens are remembered, so that their signatures are not computed again. 0: none. */
  cacheSize = 5000;
}

export class AccessTokenConfig extends configOf('accessToken.', AccessTokenOptions, {
  ttl: duration('1s', '24h'),
  issuer: text(),
  audience: (name, audience, { issuer }) => text()(name, audience ?? issuer),
  clockTolerance: duration('0s', '60s'),
  cacheSize: integer(0, 1_000_000),
}) {}
