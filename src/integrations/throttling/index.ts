export { AuthThrottlingModule } from './auth-throttling.module.js';
export { AuthThrottlingOptions } from './throttling-options.js';
export { redisThrottlerStorage, type RedisThrottlerOptions } from './redis-throttler-storage.js';
