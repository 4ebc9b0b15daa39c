import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { oneOf } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { duration } from '../common/options/duration.js';
import type { RevocationChannel } from './revocation-channel.js';

/** How soon a revocation or a change of permissions takes effect on access tokens that have been issued. */
export class RevocationOptions {
  /** The longest time until it takes effect on every instance. Each instance reads the table twice in this time. */
  delay = '1s';
  /**
   * What guarded routes answer while this instance cannot keep the delay. `'serve'` goes on as before; `'refuse'`
   * answers 503.
   */
  onStale: 'serve' | 'refuse' = 'serve';
  /**
   * Carries changes to the other instances faster than the table does: for example `redisRevocationChannel({ url })`.
   *
   * @example
   * AuthModule.forRoot({
   *   ...authOptions,
   *   revocation: { delay: '30s', channel: redisRevocationChannel({ url: 'redis://localhost:6379' }) },
   * });
   */
  channel?: RevocationChannel = undefined;
}

export class RevocationConfig extends configOf('revocation.', RevocationOptions, {
  delay: duration('100ms', '10m'),
  onStale: oneOf('serve', 'refuse'),
  channel: channelOf,
}) {}

function channelOf(name: string, channel: RevocationChannel | undefined): RevocationChannel | undefined {
  if (channel === undefined || typeof channel?.open === 'function') return channel;
  throw new AuthConfigurationError(
    `${name} must be a RevocationChannel, for example redisRevocationChannel({ url: 'redis://localhost:6379' }).`,
  );
}
