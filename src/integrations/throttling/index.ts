// `nestjs-refresh-token/throttling`: the limit of failed attempts.
export { AuthThrottlingModule } from './auth-throttling.module.js';
export { AuthThrottlingOptions } from './throttling-options.js';
export { redisThrottlerStorage, type RedisThrottlerOptions } from './redis-throttler-storage.js';
