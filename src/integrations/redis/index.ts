// `nestjs-refresh-token/redis`: revocations and used proofs in Redis.
export { redisReplayStore, type RedisReplayStoreOptions } from './redis-replay-store.js';
export { redisRevocationChannel, type RedisRevocationChannelOptions } from './redis-revocation-channel.js';
