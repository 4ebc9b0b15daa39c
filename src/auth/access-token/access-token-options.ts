import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { integer, text } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { duration, parseDuration } from '../common/options/duration.js';

/** Access tokens. They are JWTs (RFC 9068). */
export class AccessTokenOptions {
  /** How long an access token lives. It never outlives its session. We advise 15 to 30 minutes. */
  ttl = '15m';
  /**
   * The most by which a lifetime is shortened at random, and at most half of `ttl`. It spreads the refreshes of clients
   * that got their tokens at the same time, for example after an outage. `expires_in` tells the client the lifetime of its
   * token.
   *
   * @example
   * AuthModule.forRoot({ ...authOptions, accessToken: { ttl: '15m', jitter: '3m' } });
   */
  jitter = '0s';
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

const jitter = duration('0s', '12h');

function atMostHalfOfTtl(name: string, given: string, { ttl }: AccessTokenOptions): number {
  const most = jitter(name, given);
  if (most <= parseDuration(ttl)! / 2) return most;
  throw new AuthConfigurationError(
    `${name} is '${given}'. It must be at most half of accessToken.ttl, which is '${ttl}'. Write a shorter one, or a longer ttl.`,
  );
}

export class AccessTokenConfig extends configOf('accessToken.', AccessTokenOptions, {
  ttl: duration('1s', '24h'),
  jitter: Object.assign(atMostHalfOfTtl, { accepts: jitter.accepts }),
  issuer: text(),
  audience: (name, audience, { issuer }) => text()(name, audience ?? issuer),
  clockTolerance: duration('0s', '60s'),
  cacheSize: integer(0, 1_000_000),
}) {}
