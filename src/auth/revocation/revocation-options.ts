import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { oneOf } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { duration } from '../common/options/duration.js';
import type { RevocationChannel } from './revocation-channel.js';

/** How soon a revocation, or a change of permissions, takes effect on access tokens that are already out. */
export class RevocationOptions {
  /** Within this time on every instance. Each reads the table twice as often. `'100ms'` to `'10m'`. */
  delay = '1s';
  /** What guarded routes answer while this instance cannot keep to the delay: as before, or 503. */
  onStale: 'serve' | 'refuse' = 'serve';
  /** Brings changes to the other instances sooner, for example `redisRevocationChannel({ url })`. */
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
    `${name} must be a RevocationChannel, such as redisRevocationChannel({ url: 'redis://localhost:6379' }).`,
  );
}
