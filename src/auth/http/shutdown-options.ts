import { configOf } from '../common/options/config.js';
import { duration } from '../common/options/duration.js';

/** How the application stops. */
export class ShutdownOptions {
  /**
   * How long the connections that are busy may last after the server has stopped to listen. Then they are cut, so that one
   * slow client cannot hold the process. Give the process more time than this before it is killed.
   */
  drainTimeout = '10s';
}

export class ShutdownConfig extends configOf('shutdown.', ShutdownOptions, {
  drainTimeout: duration('0s', '1h'),
}) {}
