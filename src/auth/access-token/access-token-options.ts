import { integer, text } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { duration } from '../common/options/duration.js';

/** Access tokens. They are JWTs (RFC 9068). */
export class AccessTokenOptions {
  /** How long an access token lives. It never outlives its session. We advise 15 to 30 minutes. */
  ttl = '15m';
  /** The claim `iss` (RFC 7519 §4.1.1). */
  issuer = 'nestjs-refresh-token';
  /** The claim `aud` (RFC 7519 §4.1.3). By default it is the issuer. */
  audience?: string = undefined;
  /**
   * How long an access token is accepted after `exp`. Instances need none, because they all use the time of the
   * database.
   */
  clockTolerance = '0s';
  /**
   * How many verified access tokens each instance remembers, so that it need not verify their signatures again. With 0
   * it remembers none.
   */
  cacheSize = 5000;
}

export class AccessTokenConfig extends configOf('accessToken.', AccessTokenOptions, {
  ttl: duration('1s', '24h'),
  issuer: text(),
  audience: (name, audience, { issuer }) => text()(name, audience ?? issuer),
  clockTolerance: duration('0s', '60s'),
  cacheSize: integer(0, 1_000_000),
}) {}
