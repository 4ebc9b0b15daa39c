// `nestjs-refresh-token/client/axios`: the client's access tokens for axios.
export { interceptAxios } from './axios-interceptor.js';
export type { AxiosLike } from './axios-like.js';
