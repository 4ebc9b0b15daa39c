// `nestjs-refresh-token/redis`: revocations and used proofs in Redis.
export { type IoRedisClient, type NodeRedisClient, type RedisClient } from './redis-client.js';
export { redisReplayStore, type RedisReplayStoreOptions } from './redis-replay-store.js';
export { redisRevocationChannel, type RedisRevocationChannelOptions } from './redis-revocation-channel.js';
