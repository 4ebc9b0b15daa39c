// `nestjs-refresh-token/client/axios`: access tokens for the requests of an axios instance.
export { type AxiosLike, interceptAxios } from './axios-interceptor.js';
