export { redisReplayStore, type RedisReplayStoreOptions } from './redis-replay-store.js';
export { redisFloorChannel, type RedisFloorChannelOptions } from './redis-revocation-channel.js';
